"""Optimizers by name, and the clock that others lend them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from contract.optimizers.problems import PROBLEMS, history
from trimtab_service.domain.errors import InvalidArgument, UnknownAlgorithm
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import ChosenAlgorithm
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import CATALOG, check, optimizer
from trimtab_service.optimizers.gp import GaussianProcess
from trimtab_service.optimizers.phases import recording

MINIMIZE = Goal.MINIMIZE


def test_names_agree() -> None:
    """Each is found under the name that it gives itself."""
    assert {name: CATALOG[name].name for name in CATALOG} == {name: name for name in ("random", "sobol", "gp")}


def test_options_reach_the_optimizer() -> None:
    """The options in force are its fields."""
    chosen = ChosenAlgorithm("gp", {"initial_trials": 12}, "asked for", decisions=False)
    assert optimizer(chosen) == GaussianProcess(initial_trials=12)


def test_an_unknown_name() -> None:
    """The error says which optimizers there are."""
    with pytest.raises(UnknownAlgorithm, match="random, sobol, gp"):
        optimizer(ChosenAlgorithm("thompson", {}, "asked for", decisions=False))


@pytest.mark.parametrize("value", [0, 1.5, "many"])
def test_a_wrong_option(value: float | str) -> None:
    """The error says which option is wrong."""
    with pytest.raises(InvalidArgument) as caught:
        optimizer(ChosenAlgorithm("gp", {"initial_trials": value}, "asked for", decisions=False))
    assert caught.value.violations[0].field == 'options["initial_trials"]'


def test_a_suggestion_by_the_model_has_two_phases() -> None:
    """Whoever lends a clock learns how long the fit and the acquisition took."""
    study, past = PROBLEMS[3].study("gp"), history(PROBLEMS[3], "completed")
    ticks = itertools.count()
    with recording(lambda: float(next(ticks))) as seconds:
        GaussianProcess().suggest(study, past, {}, 1, generator(study, past))
    assert seconds == {"fit": 1.0, "acquisition": 1.0}


@pytest.mark.parametrize(
    ("options", "changes", "field"),
    [
        ({"along_costs": True}, {}, 'options["along_costs"]'),
        (
            {"along_costs": True},
            {"cost_metric": "seconds", "objectives": (Objective("loss", MINIMIZE), Objective("size", MINIMIZE))},
            'options["along_costs"]',
        ),
        ({"along_costs": True, "acquisition": "kg"}, {"cost_metric": "seconds"}, 'options["along_costs"]'),
    ],
)
def test_the_front_of_result_and_cost_needs_one_of_each(
    options: Parameters, changes: dict[str, Any], field: str
) -> None:
    """Else there is nothing to trade, or it is said in another way."""
    spec = PROBLEMS[0].study("gp").spec
    metrics = tuple(Metric(name) for name in ("loss", "size", "seconds"))
    chosen = ChosenAlgorithm("gp", options, "asked for", decisions=False)
    with pytest.raises(InvalidArgument) as caught:
        check(chosen, replace(spec, metrics=metrics, **changes))
    assert caught.value.violations[0].field == field
