"""Trials that were made elsewhere, and points that are put in line, through the client and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import trimtab
from serving import RunningServer
from trimtab import Categorical, Float, ImportedTrial, Integer, Measurement, Outcome, Source, TrialState

SPACE = [Float("rate", 1e-3, 1.0, scale="log"), Integer("depth", 1, 12), Categorical("kind", ["a", "b"])]
POINT: dict[str, float | str] = {"rate": 0.1, "depth": 3, "kind": "a"}


@pytest.fixture
def study(shared_server: RunningServer, request: pytest.FixtureRequest) -> Iterator[trimtab.Study]:
    """A study of the test's own."""
    name = request.node.name.partition("[")[0].replace("_", "-")[:60].strip("-")
    with trimtab.Client(shared_server.address) as client:
        yield client.create_study(name, parameters=SPACE, minimize="loss", algorithm="gp", baseline=POINT, seed=1)


def test_imported_trials_count(study: trimtab.Study) -> None:
    """Each has a result; what is refused says where, and keeps nothing else from being stored."""
    results = study.import_trials(
        [
            ImportedTrial(POINT, {"loss": Measurement(0.5, count=3, standard_error=0.1)}),
            ImportedTrial({**POINT, "depth": 13}, {"loss": 0.25}),
            ImportedTrial({**POINT, "kind": "b"}, outcome=Outcome.FAILED, reason="out of memory"),
            ImportedTrial(POINT),
        ]
    )
    faults = [violation.field for result in results for violation in getattr(result.error, "violations", ())]
    trials = list(study.trials())
    counts = study.describe().counts
    assert [bool(result.trial) for result in results] == [True, False, True, False]
    assert [field.partition(".")[0] for field in faults] == ["trials[1]", "trials[3]"]
    assert [(trial.state, trial.source) for trial in trials] == [
        (TrialState.COMPLETED, Source.MANUAL),
        (TrialState.FAILED, Source.MANUAL),
    ]
    assert (trials[0].measurements["loss"], trials[1].reason) == (Measurement(0.5, 3, 0.1), "out of memory")
    assert counts is not None
    assert (counts.completed, counts.failed, counts.observations) == (1, 1, 2)
    assert study.suggest().parameters != POINT


def test_a_repeated_import_is_stored_once(study: trimtab.Study) -> None:
    """Under one request id; another body under it is refused."""
    trials = [ImportedTrial(POINT, {"loss": 0.5})]
    first, again = (study.import_trials(trials, request_id="once") for _ in range(2))
    assert first == again
    assert len(list(study.trials())) == 1
    with pytest.raises(trimtab.InvalidArgumentError, match="once"):
        study.import_trials([ImportedTrial(POINT, {"loss": 0.25})], request_id="once")


def test_points_in_line_come_first(study: trimtab.Study) -> None:
    """In order, before all that the algorithm says, though they were tried; and together with it in one call."""
    points = [{"rate": 0.5, "depth": depth, "kind": "b"} for depth in (7, 7, 8)]
    names = study.enqueue(*points)
    (first,) = study.suggest_many(1)
    rest = study.suggest_many(3)
    assert (first.id, first.source, first.parameters) == (names[0], Source.MANUAL, points[0])
    assert [one.id for one in rest[:2]] == names[1:]
    assert [one.source for one in rest] == [Source.MANUAL, Source.MANUAL, Source.BASELINE]
    assert len(list(study.trials(["pending"]))) == 4


def test_a_line_is_put_in_whole_or_not_at_all(study: trimtab.Study) -> None:
    """The fault is named, and nothing is stored."""
    with pytest.raises(trimtab.InvalidArgumentError) as refusal:
        study.enqueue(POINT, {**POINT, "kind": "c"})
    assert refusal.value.violations[0].field.startswith("points[1]")
    assert list(study.trials()) == []
    study.stop()
    with pytest.raises(trimtab.StudyStoppedError):
        study.enqueue(POINT)


def test_points_in_line_serve_every_algorithm_and_context(shared_server: RunningServer) -> None:
    """Also one that asks no model, for the context of whoever asks; whoever fixes values gets what has them."""
    with trimtab.Client(shared_server.address) as client:
        study = client.create_study(
            "line-with-context",
            parameters=[Float("x", 0.0, 1.0)],
            context=[Integer("hour", 0, 23)],
            minimize="loss",
            algorithm="random",
            seed=1,
        )
        study.enqueue({"x": 0.125}, {"x": 0.25})
        fixed = study.suggest({"hour": 3}, fixed={"x": 0.75})
        two = study.suggest_many(3, {"hour": 7})
        assert fixed.parameters == {"x": 0.75}
        assert [one.source for one in two] == [Source.MANUAL, Source.MANUAL, Source.MODEL]
        assert [trial.context for trial in study.trials(["pending"])][:2] == [{"hour": 7}] * 2


@pytest.mark.parametrize("algorithm", ["gp", "random", "sobol"])
def test_the_baseline_comes_right_after_what_was_put_in_line(shared_server: RunningServer, algorithm: str) -> None:
    """Whatever its number, as the first thing that the algorithm says; and once."""
    with trimtab.Client(shared_server.address) as client:
        study = client.create_study(
            f"line-before-baseline-{algorithm}",
            parameters=[Float("x", 0.0, 1.0)],
            minimize="loss",
            algorithm=algorithm,
            baseline={"x": 0.5},
            seed=1,
        )
        study.enqueue({"x": 0.125}, {"x": 0.25})
        sources = [study.suggest(on_unavailable="raise").source for _ in range(4)]
        assert sources[:3] == [Source.MANUAL, Source.MANUAL, Source.BASELINE]
        assert sources[3] is not Source.BASELINE


def test_points_in_line_are_no_trials_yet_where_there_is_a_context(shared_server: RunningServer) -> None:
    """A model takes them for tried in the context of the call; what isn't in a context yet can't be observed."""
    with trimtab.Client(shared_server.address) as client:
        study = client.create_study(
            "model-with-context",
            parameters=[Float("x", 0.0, 1.0)],
            context=[Integer("hour", 0, 23)],
            minimize="loss",
            algorithm="gp",
            options={"initial_trials": 1},
            seed=1,
        )
        for hour in (1, 5, 9):
            study.suggest({"hour": hour}, on_unavailable="raise").observe(loss=0.5)
        first, *_ = study.enqueue({"x": 0.125}, {"x": 0.25})
        with pytest.raises(trimtab.FailedPreconditionError) as refusal:
            study.observe(first, loss=0.5)
        assert refusal.value.reason == "TRIAL_QUEUED"
        fixed = study.suggest({"hour": 3}, fixed={"x": 0.75}, on_unavailable="raise")
        three = study.suggest_many(3, {"hour": 7}, on_unavailable="raise")
        assert fixed.parameters == {"x": 0.75}
        assert [one.source for one in three] == [Source.MANUAL, Source.MANUAL, Source.MODEL]
        assert three[0].id == first


def test_a_bandit_study_has_no_trials(shared_server: RunningServer) -> None:
    """Neither from elsewhere nor in line."""
    with trimtab.Client(shared_server.address) as client:
        study = client.create_study(
            "bandit-elsewhere", parameters=[Categorical("kind", ["a", "b"])], maximize="click", algorithm="thompson"
        )
        for call in (lambda: study.import_trials([ImportedTrial({"kind": "a"})]), lambda: study.enqueue({"kind": "a"})):
            with pytest.raises(trimtab.FailedPreconditionError) as refusal:
                call()
            assert refusal.value.reason == "STUDY_OF_DECISIONS"


async def test_asyncio_clients_do_the_same(shared_server: RunningServer) -> None:
    """Under the same names."""
    async with trimtab.AsyncClient(shared_server.address) as client:
        study = await client.create_study("aio-elsewhere", parameters=SPACE, minimize="loss", algorithm="random")
        (result,) = await study.import_trials([ImportedTrial(POINT, {"loss": 0.5})])
        (name,) = await study.enqueue(POINT)
        suggestion = await study.suggest()
        assert (result.trial.rpartition("/")[2], suggestion.id) == ("1", name)


def command(server: RunningServer, *words: str) -> subprocess.CompletedProcess[str]:
    """``trimtab`` as it is typed."""
    return subprocess.run(
        [sys.executable, "-m", "trimtab.cli", *words, "--server", server.address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_study_made_anew_takes_the_file_again(shared_server: RunningServer, tmp_path: Path) -> None:
    """It is another study, though it has the name."""
    table = tmp_path / "trials.csv"
    table.write_text("rate,depth,kind,loss\n0.1,3,a,0.5\n")
    with trimtab.Client(shared_server.address) as client:
        for _ in range(2):
            study = client.create_study("made-anew", parameters=SPACE, minimize="loss", algorithm="random")
            assert command(shared_server, "import", study.id, str(table)).returncode == 0
            assert len(list(study.trials())) == 1
            study.delete()


def test_files_are_imported(study: trimtab.Study, shared_server: RunningServer, tmp_path: Path) -> None:
    """A table with the names as columns, objects by line, and what an export writes; the same again stores nothing.

    Progress goes to the side.
    """
    table = tmp_path / "trials.csv"
    table.write_text("rate,depth,kind,loss,outcome\n0.1,3,a,0.5,\n0.2,4,b,,failed\n")
    lines = tmp_path / "trials.jsonl"
    lines.write_text(json.dumps({"parameters": POINT, "measurements": {"loss": {"mean": 0.25, "count": 2}}}) + "\n")
    exported = tmp_path / "exported.csv"
    done = [command(shared_server, "import", study.id, str(file)) for file in (table, lines)]
    study.suggest()  # pending: it has nothing to bring
    command(shared_server, "export", study.id, "--output", str(exported))
    done.append(command(shared_server, "import", study.id, str(exported)))
    again = command(shared_server, "import", study.id, str(table))
    trials = list(study.trials(["completed", "failed"]))
    assert (again.returncode, again.stdout) == (0, done[0].stdout)
    assert [(each.returncode, each.stdout.split()[0]) for each in done] == [(0, "2"), (0, "1"), (0, "3")]
    assert done[0].stderr == "2 of 2 trials sent\n"
    assert [trial.state.value for trial in trials] == ["completed", "failed", "completed"] * 2
    assert [trial.measurements for trial in trials[:3]] == [trial.measurements for trial in trials[3:]]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.csv", "rate,depth,kind,loss\n0.1,3,a,0.5\n0.1,three,a,0.5\n", "t.csv:3: depth must be a whole number"),
        ("t.csv", "rate,depth,kind,loss\n0.1,3,a,much\n", "t.csv:2: loss: much must be numbers"),
        ("t.jsonl", '{"parameters": {}}\n[]\n', "t.jsonl:2: each line must be an object"),
        ("t.jsonl", '{"parameters": {}, "outcome": "lost"}\n', "t.jsonl:1: the outcome must be one of"),
        (
            "t.csv",
            "rate,depth,kind,los\n0.1,3,a,0.5\n",
            "t.csv: unknown column los; there is rate, depth, kind, loss, ",
        ),
        ("t.txt", "", "must end in .csv or .jsonl"),
        ("t.csv", "rate,depth,kind,loss\n0.1,3,a,0.5\n5,3,a,0.5\n", "t.csv:3: trials[1].parameters"),
    ],
)
def test_faults_of_a_file_are_found_by_line(
    study: trimtab.Study, shared_server: RunningServer, tmp_path: Path, name: str, text: str, said: str
) -> None:
    """What can't be read stores nothing; what the server refuses keeps nothing else from being stored."""
    file = tmp_path / name
    file.write_text(text)
    done = command(shared_server, "import", study.id, str(file))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(list(study.trials())) == (1 if "trials[1]" in said else 0)
    study.delete()
