"""Optimizers of trial studies: pure functions of the history.

The only floor with torch, which a module here imports only inside the call
that needs it, so that the serving process can read the catalogue, check
options, and stay small. No clock, no I/O, no environment, no global RNG.
"""
