"""Ax as a player of ``gp_speed``; runs in an environment of its own. Its client, with the default strategy."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from ax.api.client import Client  # type: ignore[import-not-found, unused-ignore]
from ax.api.configs import RangeParameterConfig  # type: ignore[import-not-found, unused-ignore]

from speed_conversation import named, serve


class Ax:
    """See ``Player``."""

    def __init__(self, seed: int) -> None:
        self.client = Client(random_seed=seed)
        cube = [RangeParameterConfig(f"x{index}", (0.0, 1.0), "float") for index in range(6)]
        self.client.configure_experiment(parameters=cube)
        self.client.configure_optimization(objective="-value")

    def tell(self, point: Sequence[float], value: float) -> None:
        """See ``Player``."""
        self.client.complete_trial(self.client.attach_trial(named(point)), raw_data={"value": value})

    def ask(self) -> int:
        """See ``Player``."""
        ((index, _),) = self.client.get_next_trials(max_trials=1).items()
        return int(index)

    def drop(self, asked: object) -> None:
        """See ``Player``."""
        assert isinstance(asked, int)
        self.client.mark_trial_abandoned(asked)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    serve(Ax)
