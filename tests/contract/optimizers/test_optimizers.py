"""The laws of every optimizer, on every problem, with every kind of history."""

from __future__ import annotations

import copy
import os
import pickle
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from contract.optimizers.all_problems import PROBLEMS
from contract.optimizers.answers import Call
from contract.optimizers.problems import KINDS, Problem, cost, history, history_of, trial, tried
from trimtab_service.domain.errors import SpaceExhausted
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.options import from_options, to_options
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.suggestion import History, Source, Suggested, TrialState
from trimtab_service.optimizers.catalog import CATALOG

TESTS = Path(__file__).parents[2]
every_algorithm = pytest.mark.parametrize("algorithm", sorted(CATALOG))
every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
every_kind = pytest.mark.parametrize("kind", KINDS)


def call(algorithm: str, problem: Problem, past: History, count: int = 1) -> Call:
    """A call as the service makes it: an optimizer that doesn't look at trials gets none."""
    if not CATALOG[algorithm].uses_history:
        past = History((), past.next_number, past.revision, past.observation_count)
    return Call(problem.study(algorithm), replace(past, fixed=problem.fixed), problem.here or {}, count)


def in_fresh_process(calls: list[Call]) -> list[list[Suggested]]:
    """The answers of a process that has answered nothing before."""
    program = "import contract.optimizers.answers as answers; answers.main()"
    # With as many threads as here: otherwise sums are rounded in another order.
    threads = {name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        input=pickle.dumps(calls),
        capture_output=True,
        env={"PYTHONPATH": f"{TESTS}:{TESTS.parent / 'service'}", "PYTHONHASHSEED": "99", **threads},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    answers: list[list[Suggested]] = pickle.loads(done.stdout)
    return answers


@every_kind
@every_problem
@every_algorithm
def test_points_are_legal_and_exactly_as_many_as_asked_for(algorithm: str, problem: Problem, kind: str) -> None:
    """One or three points of the space, of its types, whatever the history; or SpaceExhausted."""
    space = problem.study(algorithm).spec.space
    past = history(problem, kind)
    for count in (1, 3):
        if algorithm == "gp" and problem.size is not None and count > problem.size:
            with pytest.raises(SpaceExhausted):
                call(algorithm, problem, past, count).answer()
            continue
        answer = call(algorithm, problem, past, count).answer()
        assert len(answer) == count
        for suggested in answer:
            checked = space.check(suggested.parameters)
            assert list(suggested.parameters.items()) == list(checked.items())
            assert [type(value) for value in suggested.parameters.values()] == [type(v) for v in checked.values()]
            assert {name: checked[name] for name in problem.fixed} == problem.fixed
        if algorithm == "gp":
            assert all(one.parameters not in [other.parameters for other in answer[:k]] for k, one in enumerate(answer))


@every_algorithm
def test_the_same_snapshot_has_the_same_answer_in_a_fresh_process(algorithm: str) -> None:
    """Nothing but the arguments goes into an answer: no memory, clock, environment or hash seed."""
    calls = [call(algorithm, problem, history(problem, "all_states"), 1) for problem in PROBLEMS]
    calls += [call(algorithm, PROBLEMS[3], history(PROBLEMS[3], kind), 2) for kind in ("empty", "exact", "completed")]
    answers = [one.answer() for one in calls]
    assert in_fresh_process(calls) == answers
    assert [one.answer() for one in calls] == answers


@every_problem
@every_algorithm
def test_arguments_and_global_state_stay_as_they_are(algorithm: str, problem: Problem) -> None:
    """No argument is changed, no global generator is drawn from, torch's settings are left alone."""
    one = call(algorithm, problem, history(problem, "all_states"))
    before = copy.deepcopy(one)
    states = (random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state().tolist())
    settings = (torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled())
    one.answer()
    assert (torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()) == settings
    assert (random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state().tolist()) == states
    assert one == before


@every_problem
@every_algorithm
def test_consecutive_numbers_have_different_draws(algorithm: str, problem: Problem) -> None:
    """No seed is used twice: workers that ask one after the other get different points of a continuum."""
    if not problem.roomy:
        pytest.skip("a finite space may repeat points")
    past = [trial(1, point, TrialState.PENDING, None, problem.here) for point in tried(problem, 8)]
    points: list[Parameters] = []
    for _ in range(4):
        (suggested,) = call(algorithm, problem, history_of(past)).answer()
        assert suggested.parameters not in points
        points.append(suggested.parameters)
        past.append(trial(1, suggested.parameters, TrialState.PENDING, None, problem.here))


@every_problem
@every_algorithm
def test_pending_points_are_not_suggested_again(algorithm: str, problem: Problem) -> None:
    """What is being tried is no news: three pending points, and none of them comes back."""
    past = list(history(problem, "completed").trials)
    size = problem.size
    if size is not None and (size < 20 or not CATALOG[algorithm].uses_history):
        pytest.skip("too small a space, or the optimizer doesn't look")
    pending = [one.parameters for one in call(algorithm, problem, history_of(past), 3).answer()]
    past += [trial(1, point, TrialState.PENDING, None, problem.here) for point in pending]
    answer = [one.parameters for one in call(algorithm, problem, history_of(past), 3).answer()]
    assert [point for point in answer if point in pending] == []


@every_problem
@every_algorithm
def test_one_call_gives_different_points_of_a_continuum(algorithm: str, problem: Problem) -> None:
    """A batch is no waste of trials."""
    if not problem.roomy:
        pytest.skip("a finite space may repeat points")
    answer = [one.parameters for one in call(algorithm, problem, history(problem, "completed"), 4).answer()]
    assert all(point not in answer[:index] for index, point in enumerate(answer))


@every_algorithm
def test_the_baseline_is_the_first_trial(algorithm: str) -> None:
    """What is in use is measured first, so that there is something to compare with; and only first."""
    (problem,) = (problem for problem in PROBLEMS if problem.name == "mixed")
    answer = call(algorithm, problem, history(problem, "empty"), 3).answer()
    assert (answer[0].source, answer[0].parameters) == (Source.BASELINE, problem.baseline)
    assert all(one.source is not Source.BASELINE for one in answer[1:])
    later = call(algorithm, problem, history_of([trial(1, answer[0].parameters, TrialState.ABANDONED)]), 3).answer()
    assert all(one.source is not Source.BASELINE for one in later)


@every_algorithm
def test_the_baseline_comes_before_any_other_suggestion(algorithm: str) -> None:
    """Whatever people brought, or what filled in; but not if they brought it, nor once something was suggested."""
    (problem,) = (problem for problem in PROBLEMS if problem.name == "mixed")
    assert problem.baseline is not None
    points = tried(problem, 7)
    brought = [
        replace(trial(1, point, TrialState.COMPLETED, Measurement(cost(point))), source=source)
        for point, source in zip(points, [Source.MANUAL] * 6 + [Source.FALLBACK], strict=True)
    ]

    def sources(past: History) -> list[Source]:
        return [one.source for one in Call(problem.study(algorithm), past, {}, 3).answer()]

    past = history_of(brought)
    first, *others = sources(past)
    assert first is Source.BASELINE
    assert Source.BASELINE not in others
    waiting = replace(trial(1, problem.baseline, TrialState.PENDING), source=Source.MANUAL)
    suggested = trial(1, points[0], TrialState.ABANDONED)
    expired = replace(past, next_number=past.next_number + 1)
    for later in (history_of([*brought, waiting]), history_of([*brought, suggested]), expired):
        assert Source.BASELINE not in sources(later)


@every_algorithm
def test_a_long_history_is_survived(algorithm: str) -> None:
    """Many trials, many of them alike, in a space that they don't fill."""
    (problem,) = (problem for problem in PROBLEMS if problem.name == "discrete")
    points = tried(problem, 60) * 12
    trials = [trial(1, point, TrialState.COMPLETED, Measurement(cost(point))) for point in points]
    assert len(call(algorithm, problem, history_of(trials), 2).answer()) == 2


@every_algorithm
def test_options_have_defaults_that_survive_the_way_through_a_study(algorithm: str) -> None:
    """Whatever a study keeps of an algorithm's options makes the same algorithm again."""
    record = CATALOG[algorithm]
    made = from_options(record, {})
    assert from_options(record, to_options(made)) == made
    assert made.name == algorithm


def test_the_catalogue_brings_no_heavy_package() -> None:
    """The serving process reads the catalogue, and runs what is inline, without torch and SciPy."""
    inline = [name for name in CATALOG if CATALOG[name].inline]
    calls = [call(name, problem, history(problem, "empty"), 2) for name in inline for problem in PROBLEMS]
    program = (
        "import pickle, sys; import trimtab_service.optimizers.catalog; "
        "[one.answer() for one in pickle.load(sys.stdin.buffer)]; "
        "print(*sorted({name.split('.')[0] for name in sys.modules} & "
        "{'torch', 'scipy', 'botorch', 'gpytorch', 'linear_operator'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(calls),
        capture_output=True,
        env={"PYTHONPATH": f"{TESTS}:{TESTS.parent / 'service'}"},
        check=True,
    )
    assert inline
    assert done.stdout.decode().strip() == ""
