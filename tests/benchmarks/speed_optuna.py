"""Optuna's Gaussian process as a player of ``gp_speed``; runs in an environment of its own.

Its sampler begins each fit where the last one ended, and uses its batched search, for greenlet is installed.
"""

from __future__ import annotations

from collections.abc import Sequence

# Without greenlet the sampler takes a slower path, and says nothing.
import greenlet  # type: ignore[import-untyped, import-not-found, unused-ignore]  # noqa: F401
import optuna  # type: ignore[import-not-found, unused-ignore]
import torch

from speed_conversation import named, serve

DISTRIBUTIONS = {f"x{index}": optuna.distributions.FloatDistribution(0.0, 1.0) for index in range(6)}


class Optuna:
    """See ``Player``."""

    def __init__(self, seed: int) -> None:
        self.study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=seed, n_startup_trials=5))

    def tell(self, point: Sequence[float], value: float) -> None:
        """See ``Player``."""
        self.study.add_trial(optuna.trial.create_trial(params=named(point), distributions=DISTRIBUTIONS, value=value))

    def ask(self) -> optuna.Trial:
        """See ``Player``."""
        return self.study.ask(DISTRIBUTIONS)

    def drop(self, asked: object) -> None:
        """See ``Player``."""
        assert isinstance(asked, optuna.Trial)
        self.study.tell(asked, state=optuna.trial.TrialState.FAIL)


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    serve(Optuna)
