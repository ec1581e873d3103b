"""What the pages of docs/ show runs as it stands, against a real server, and what they say of algorithms is so.

So does the example that tunes an index, which they name.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import trimtab
from serving import RunningServer
from trimtab_service import algorithms
from trimtab_service.bandits import catalog as bandits
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.space import Categorical, Float, Integer, Parameter, SearchSpace
from trimtab_service.domain.study import StudySpec
from trimtab_service.optimizers import catalog as optimizers
from trimtab_service.optimizers.acquisitions import ACQUISITIONS

DOCUMENTS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCUMENTS.parent / "clients" / "python" / "examples"
SHARED = {"floor", "steps"}  # options of every bandit, which the page explains once
STANDARD_ERRORS = 6.0  # that an estimate may be off, by luck


def text_of(page: str) -> str:
    """A page."""
    return (DOCUMENTS / page).read_text(encoding="utf-8")


@pytest.fixture
def client(shared_server: RunningServer, request: pytest.FixtureRequest) -> Iterator[trimtab.Client]:
    """A client with a namespace of the test's own."""
    namespace = re.sub("[^a-z]+", "-", request.node.name.lower()).strip("-")
    with trimtab.Client(shared_server.address, namespace=namespace) as client:
        yield client


def run(page: str, client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], list[str]]:
    """Runs the snippets of a page from its top; the names that they made, and the lines that they printed."""
    printed: list[str] = []
    monkeypatch.setattr(trimtab, "Client", lambda _target: client)
    names: dict[str, Any] = {"print": lambda *values: printed.append(" ".join(map(str, values)))}
    for code in re.findall(r"^```python\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL):
        exec(compile(code, page, "exec"), names)
    return names, printed


def rows_of(page: str) -> dict[str, list[str]]:
    """The cells of every row of the page's tables whose first one is code, by that."""
    rows = re.findall(r"^\| `([^`|]+)` \|(.*)\|$", text_of(page), re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in rows}


def test_algorithms(client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets run; the estimates are what the page says, and the race was won by the best level, as a rule."""
    names, _ = run("algorithms.md", client, monkeypatch)
    for estimate, truth in ((names["always_list"], 0.25), (names["by_device"], 0.35)):
        assert abs(estimate[0] - truth) < STANDARD_ERRORS * estimate[1]
        assert estimate[1] < 0.1
    assert names["best"].parameters["level"] in (3, 9)
    assert names["race"].describe().state is trimtab.StudyState.STOPPED
    assert names["pipeline"].suggest().propensity is not None


def test_delayed_rewards(client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets run, and print what the page says they print."""
    names, printed = run("delayed-rewards.md", client, monkeypatch)
    assert printed[0] == "recorded duplicate"
    assert [
        line[2:].split("    ")[0].strip() for line in re.findall("^# [01].*", text_of("delayed-rewards.md"), re.M)
    ] == (printed[2:6])
    assert float(printed[6]) == pytest.approx(1_010.0)
    assert 110 <= len(names["sent"][0]) <= 130
    assert len(names["study"].suggest().id) == len(names["sent"][0])


def test_speed(client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurement runs, and every decision of it is stored."""
    names, printed = run("speed.md", client, monkeypatch)
    assert re.fullmatch(r"[\d,]+ decisions a second one by one, [\d,]+ in batches of 64", printed[-1])
    counts = names["study"].describe().counts
    assert counts is not None
    assert counts.observations == 2 * 640


def test_many_workers(client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets run, and print what the page says they print."""
    _, printed = run("many-workers.md", client, monkeypatch)
    assert printed == re.findall(r"^# (.*)$", text_of("many-workers.md").partition("```python")[2], re.MULTILINE)


def test_noise(client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets run; what is recommended is good, though some of the measurements were not."""
    names, _ = run("noise.md", client, monkeypatch)
    best = names["best"]
    batch, wait = best.parameters["batch"], best.parameters["wait_ms"]
    true = 20.0 + 0.1 * abs(batch - 60) + (wait - 4.0) ** 2 / 8.0
    assert true < 27.0  # as one point in three is; with luck and bad luck this is what 25 trials find for sure
    assert best.predicted_mean == pytest.approx(true, abs=8.0)
    assert names["study"].describe().spec.half_life is None


def test_context(client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets run; each size gets its own omega, and the robust one lies between."""
    names, _ = run("context.md", client, monkeypatch)
    small, large = (names["solver"].incumbent({"size": size}).parameters["omega"] for size in (20, 800))
    assert small == pytest.approx(1.33, abs=0.15)
    assert large == pytest.approx(1.89, abs=0.1)
    assert names["everywhere"].parameters["omega"] == pytest.approx(1.68, abs=0.1)
    assert len(list(names["again"].trials())) >= 2


def test_outcomes(client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets run; what is recommended keeps its bound, and the front has a trade."""
    names, printed = run("outcomes.md", client, monkeypatch)
    serve, best = names["serve"], names["best"]
    assert serve(**best.parameters)["p99_ms"] <= 1.1 * serve(16, 4)["p99_ms"] + 1.0
    assert serve(**best.parameters)["dollars"] < serve(16, 4)["dollars"]
    assert printed[3] in {"go on", "stop here"}
    assert len(names["front"].points) >= 5
    assert names["front"].reference_point["p99_ms"] == pytest.approx(150.0)
    assert names["middle"].parameters in [point.parameters for point in names["front"].points]
    assert names["scored"].incumbent().predicted_mean > 0.5
    assert names["priced"].incumbent().predictions["seconds"].mean > 0.0
    dearer = [point.predictions["seconds"].mean for point in names["scaled"].pareto_front().points]
    assert len(dearer) >= 3
    assert dearer == sorted(dearer, reverse=True)


def test_studies(client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets run; what exists goes together, what adds up does, what is fixed is."""
    names, printed = run("studies.md", client, monkeypatch)
    assert printed[0] in ("['depth', 'model', 'rate']", "['layers', 'model', 'rate', 'second_width']")
    assert printed[1:] == ["1.000000 True", *["tree 0.01"] * 3]
    for trial in names["pipeline"].trials():
        assert ("depth" in trial.parameters) == (trial.parameters["model"] == "tree")
        assert ("second_width" in trial.parameters) == (trial.parameters.get("layers", 0) >= 2)


def test_trials(client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippet runs and finds a good kiln; the tables have each option with its default, and each function."""
    names, _ = run("trials.md", client, monkeypatch)
    assert abs(names["study"].incumbent().parameters["degrees"] - 1050.0) < 100.0
    rows = rows_of("trials.md")
    catalog: Mapping[str, Any] = optimizers.CATALOG
    defaults = {option.name: _written(option.default) for option in fields(catalog["gp"])}
    assert {name: rows[name][0] for name in defaults} == defaults
    assert set(rows) - set(defaults) == set(ACQUISITIONS)


def test_every_algorithm_has_a_row() -> None:
    """With each of its options and their defaults, and nothing that isn't there."""
    rows = rows_of("algorithms.md")
    catalog: Mapping[str, Any] = {**bandits.CATALOG, **optimizers.CATALOG}
    assert sorted(set(rows) - {"auto"}) == sorted(catalog)
    for name, record in catalog.items():
        options = {option.name: option.default for option in fields(record) if option.name not in SHARED}
        said = dict(re.findall(r"`(\w+)` ([\w.]+)", rows[name][1]))
        assert said == {option: _written(default) for option, default in options.items()}, name


def _written(value: Any) -> str:
    if isinstance(value, bool | str):
        return str(value).lower()
    return f"{value:.10f}".rstrip("0").rstrip(".")


def test_auto_picks_what_the_page_says() -> None:
    """Row by row of its table."""
    table = text_of("algorithms.md").partition("## What `auto` picks")[2].partition("##")[0]
    said = re.findall(r"^\| .*? \| (.*?) \| `(\w+)` \|$", table, re.MULTILINE)
    contexts: dict[str, tuple[Parameter, ...]] = {
        "none": (),
        "one number": (Float("load", 0.0, 1.0),),
        "anything else": (Categorical("kind", ("a", "b")),),
    }
    few = {(given, picked(Integer("n", 1, 100), context)) for given, context in contexts.items()}
    for parameter in (Float("x", 0.0, 1.0), Integer("n", 1, 101)):
        assert {picked(parameter, context) for context in contexts.values()} == {"gp"}
    assert said[:2] == [("any or none", "gp")] * 2
    assert set(said[2:]) == few


def picked(parameter: Parameter, context: tuple[Parameter, ...]) -> str:
    """The algorithm that auto picks for a study of this parameter."""
    spec = StudySpec(
        space=SearchSpace((parameter,)),
        metrics=(Metric("y"),),
        objectives=(Objective("y", Goal.MINIMIZE),),
        context=context,
    )
    return algorithms.choose(spec).name


def test_links_lead_somewhere() -> None:
    """Every link of the pages and of the README to a file of the repository, and to a heading of it."""
    root = DOCUMENTS.parent
    for page in [root / "README.md", *DOCUMENTS.glob("*.md"), root / "clients/python/examples/README.md"]:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if target.startswith("http"):
                continue
            path, _, heading = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            assert found.exists(), f"{page.name}: {target}"
            if heading:
                headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
                assert heading in [re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings], target


def test_the_index_example(tmp_path: Path) -> None:
    """tune_ann.py runs by one command, with a server of its own, and reports what auto picked and every row."""
    command = [sys.executable, str(EXAMPLES / "tune_ann.py"), "--queries=200", "--vectors=2000"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "lin_ucb: auto: 12 points" in ended.stdout
    rows = re.findall(r"^  (\S.*?) {2,}([01]\.\d{3}) +\d+ +([\d.]+) +[\d.]+$", ended.stdout, re.MULTILINE)
    assert [name for name, _, _ in rows] == [
        "the best fixed choice",
        "tuned without knowing the kind",
        "tuned for each kind",
        "the best choice for each kind",
    ]
    assert [regret == "0.0" for _, _, regret in rows] == [False, False, False, True]


def test_explaining(client: trimtab.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets run, the best is found, and what matters most is said."""
    names, printed = run("explaining.md", client, monkeypatch)
    assert printed[0] == "10 fast"
    assert printed[2] == "better than the baseline with 100%"
    assert printed[4] == "ttl"
    assert len(names["why"].slices[0]) == 16
    assert len(names["why"].slices[1]) == 10
