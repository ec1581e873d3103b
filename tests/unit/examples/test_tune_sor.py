"""The loop that tunes SOR."""

from __future__ import annotations

import numpy as np

import sor
import trimtab
import tune_sor
from trimtab.testing import FakeServer


def test_every_solve_is_reported() -> None:
    """The loop counts what the solver takes with the omega suggested, and reports just that."""
    server = FakeServer(seed=1)
    study = tune_sor.create(server.client())
    systems = sor.sequence(6, np.random.default_rng(1))
    tuned = tune_sor.tune(study, systems)
    trials = list(study.trials())
    omegas = np.array([float(trial.parameters["omega"]) for trial in trials])

    assert [trial.measurements["iterations"].mean for trial in trials] == tuned.iterations.tolist()
    assert sor.iterations(systems, omegas).tolist() == tuned.iterations.tolist()
    assert tuned.fallbacks == 0
    assert tuned.best_omega in sor.OMEGAS


def test_the_grid_is_the_solvers() -> None:
    """What the study may suggest is what the comparison runs through."""
    (omega,) = tune_sor.create(FakeServer().client()).describe().spec.parameters

    assert isinstance(omega, trimtab.Float)
    assert omega.step is not None
    assert tuple(round(omega.min + step * omega.step, 2) for step in range(20)) == sor.OMEGAS
    assert sor.OMEGAS[-1] == omega.max
