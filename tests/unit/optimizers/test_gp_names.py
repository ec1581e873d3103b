"""Many names, told apart by pairs of rows."""

from __future__ import annotations

import numpy as np
import pytest

from trimtab_service.optimizers import gp_fit
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Evidence
from trimtab_service.optimizers.gp_fit import Loss
from trimtab_service.optimizers.gp_names import Names
from trimtab_service.optimizers.targets import Role, Target


def evidence(rows: Rows) -> Evidence:
    """Of costs without any order, and noise that differs from row to row."""
    count, rng = len(rows), np.random.default_rng(1)
    costs, factors = rng.standard_normal(count), rng.uniform(0.5, 2.0, count)
    target = Target("y", Role.OBJECTIVE, 1.0, costs, None, location=0.0, spread=1.0, noise_factors=factors)
    return Evidence(rows, (target,), np.ones(count, dtype=bool), np.arange(1, count + 1), rows[:0])


def test_pairs_are_summed_and_counted() -> None:
    """In the order of a packed lower triangle, whatever the number of columns."""
    rng = np.random.default_rng(0)
    for width in (1, 8, 9):
        rows = rng.integers(0, 3, (7, width)).astype(float)
        names = Names.of(rows)
        pairs = [(i, j) for j in range(7) for i in range(j, 7)]
        differs = np.array([rows[i] != rows[j] for i, j in pairs])
        weights, each = rng.random(width), rng.random(len(pairs))
        np.testing.assert_allclose(names.sums(weights), differs @ weights, rtol=1e-12)
        np.testing.assert_allclose(names.totals(each), each @ differs, rtol=1e-12)


@pytest.mark.parametrize("numbers", [0, 2])
def test_many_names_are_told_apart_by_pairs_of_rows(numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss, slope, mean and covariance are the ones of a column a name, of a sample of the rows too."""
    rng = np.random.default_rng(6)
    data = evidence(np.hstack([rng.random((40, numbers)), rng.integers(0, 12, (40, 9)).astype(float)]))
    categorical = range(numbers, numbers + 9)
    monkeypatch.setattr(gp_fit, "MOST_NAMES", 1)
    pairs = Loss.of(data, categorical)
    monkeypatch.setattr(gp_fit, "MOST_NAMES", 1_000)
    columns = Loss.of(data, categorical)
    assert pairs.columns.shape[1] == numbers + 1
    assert columns.columns.shape[1] > numbers + 90
    kept = np.arange(0, 40, 3)
    for ours, expected in ((pairs, columns), (pairs.at(kept), columns.at(kept))):
        theta = expected.means + rng.uniform(-1.0, 1.0, len(expected.means))
        assert ours(theta)[0] == pytest.approx(expected(theta)[0], rel=1e-9)
        np.testing.assert_allclose(ours(theta)[1], expected(theta)[1], rtol=1e-9, atol=1e-9)
        assert ours.mean(theta) == pytest.approx(expected.mean(theta), rel=1e-9)
        np.testing.assert_allclose(ours.inverse(theta), expected.inverse(theta), rtol=1e-9, atol=1e-9)


def test_the_columns_of_names_are_bounded() -> None:
    """However many values they have, no more columns are made of them."""
    rng = np.random.default_rng(6)
    for count, values in ((30, 100), (4, 3)):
        loss = Loss.of(evidence(rng.integers(0, values, (60, count)).astype(float)), range(count))
        assert loss.columns.shape[1] <= 1 + gp_fit.MOST_NAMES
