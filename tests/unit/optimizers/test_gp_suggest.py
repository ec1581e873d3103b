"""What the model is asked with."""

from __future__ import annotations

import sys

import pytest

from contract.optimizers.problems import PROBLEMS, cost, history_of, trial, tried
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.suggestion import History, TrialState
from trimtab_service.optimizers import gp_suggest
from trimtab_service.optimizers import incumbent as incumbents
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer
from trimtab_service.optimizers.evidence import MOST_ROWS, gather
from trimtab_service.optimizers.gp_question import Question
from trimtab_service.optimizers.region import Region

(PROBLEM,) = (problem for problem in PROBLEMS if problem.name == "log_scales")


def measured(count: int) -> History:
    """Random points, measured exactly."""
    return history_of(
        trial(1, point, TrialState.COMPLETED, Measurement(cost(point))) for point in tried(PROBLEM, count)
    )


def test_five_hundred_trials_are_all_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bound lifted, the suggestion and the incumbent are the same; one trial more is one too many."""
    study, past = PROBLEM.study("gp"), measured(500)
    chosen = optimizer(study.algorithm)

    def asked() -> tuple[object, object]:
        return chosen.suggest(study, past, {}, 1, generator(study, past)), incumbents.incumbent(study, past, {})

    bounded = asked()
    monkeypatch.setattr(gp_suggest, "MOST_ROWS", sys.maxsize)
    monkeypatch.setattr(incumbents, "MOST_ROWS", sys.maxsize)
    assert bounded == asked()
    assert [len(gather(study, measured(count), MOST_ROWS).rows) for count in (500, 501)] == [500, 500]


@pytest.mark.parametrize("end", [TrialState.FAILED, TrialState.ABANDONED])
def test_a_doubtful_best_that_cannot_be_measured_again_is_let_go(end: TrialState) -> None:
    """It is suggested once more, and then never again."""
    study = PROBLEM.study("gp")
    points = tried(PROBLEM, 26)
    trials = [trial(1, point, TrialState.COMPLETED, Measurement(cost(point))) for point in points]
    trials[-1] = trial(1, points[-1], TrialState.COMPLETED, Measurement(-1e3))
    asked = []
    for _ in range(3):
        past = history_of(trials)
        (suggested,) = optimizer(study.algorithm).suggest(study, past, {}, 1, generator(study, past))
        asked.append(suggested.detail)
        trials.append(trial(1, suggested.parameters, end))
    assert asked[0] == gp_suggest.DOUBTED
    assert gp_suggest.DOUBTED not in asked[1:]


def test_how_long_a_study_has_lasted_is_told_by_all_of_its_trials() -> None:
    """What a trial costs counts a third after twenty of them a parameter, however few are learned from."""
    study = PROBLEM.study("gp")
    evidence = gather(study, measured(40), 30)
    assert len(evidence.rows) == 30
    assert Question.of(study, evidence, {}, Region(study.spec.space)).power == pytest.approx(1 / 3)
