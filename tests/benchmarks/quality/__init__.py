"""How much is found in how many trials: one suite of problems, our default against the peers."""
