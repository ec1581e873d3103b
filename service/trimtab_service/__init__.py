"""Trimtab's server: optimizers and bandits behind Suggest and Observe.

The floors, from the top; an import only goes down:

    __main__ -> app -> rpc -> tuner, decisions -> compute -> optimizers -> domain
                                  |       \\----> bandits ---------------> domain
                                  \\------------> store -----------------> domain

config and metrics are leaves that every floor but the pure ones may use.
"""
