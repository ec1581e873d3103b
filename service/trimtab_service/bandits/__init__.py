"""Bandits: NumPy only, and fast enough for the serving process.

No clock, no I/O, no global RNG. A bandit says how observations fold into its
state and which policy a state stands for; it never sees a study's log, the
store, or a token.
"""
