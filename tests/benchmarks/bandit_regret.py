"""What bandits lose: cumulative pseudo-regret of ours and of other libraries' on the same instances.

    SEEDS=3 python tests/benchmarks bandit_regret

Each algorithm updates after each step. Peers run with the settings of their documentation and
those that did best in a short trial. They keep no floor under their probabilities; ours run with theirs
(0.01) and without. The first run makes the peers' environments and takes long; what was
played once is kept, see ``bandit_peers``, and a run that was cut off goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import bandit_suite
import peer_trimtab
from bandit_peers import OURS, RESULTS, Entry, Results, digits, prepare, results
from bandit_suite import Problem
from trimtab_service.bandits import catalog
from trimtab_service.domain.errors import TrimtabError

SEEDS = range(int(os.environ.get("SEEDS", "20")))
# Of our algorithms that auto doesn't choose.
FEWER_SEEDS = SEEDS[:5]
AT_ONCE = 2
FLOORS = (0.0, 0.01)
CURVES = RESULTS / "curves.json"


def _mabwiser(name: str, **options: float) -> Entry:
    return Entry.of("mabwiser", name, **options)


def _vowpal(flags: str, **options: float) -> Entry:
    return Entry.of("vowpal", flags, **options)


# Costs that Vowpal Wabbit gets are top - reward. With top 1 they lie between 0 and 1, as its documentation
# has them; some of its algorithms do better with top 0, the mere reward with the other sign.
_COINS = (
    _mabwiser("ThompsonSampling"),
    _mabwiser("UCB1", alpha=1),
    _mabwiser("UCB1", alpha=1.25),
    _mabwiser("EpsilonGreedy", epsilon=0.1),
    _mabwiser("Softmax", tau=1),
    _mabwiser("Softmax", tau=0.1),
    _vowpal("--squarecb", top=1),
    _vowpal("--squarecb", top=0),
    _vowpal("--squarecb --coin", top=0),
    _vowpal("--regcb --mellowness 0.01", top=1),
)
_CONTEXTUAL = (
    _vowpal("--squarecb", top=0),
    _vowpal("--squarecb --elim", top=1),
    _vowpal("--cover 8 --nounif", top=1),
    _vowpal("--bag 8", top=1),
)
PEERS = {
    "bernoulli": _COINS,
    "drifting": _COINS,
    "gaussian": (
        _mabwiser("ThompsonSampling", above=0),
        _mabwiser("ThompsonSampling", above=1),
        _mabwiser("UCB1", alpha=1),
        _mabwiser("UCB1", alpha=1.25),
        _mabwiser("EpsilonGreedy", epsilon=0.1),
        _mabwiser("Softmax", tau=1),
        _mabwiser("Softmax", tau=0.1),
        _vowpal("--squarecb", top=0),
        _vowpal("--squarecb --gamma_scale 100", top=0),
    ),
    "linear": (
        _mabwiser("LinUCB", alpha=1),
        _mabwiser("LinUCB", alpha=0.25),
        _mabwiser("LinTS", alpha=0.25),
        _mabwiser("LinGreedy", epsilon=0.1),
        *_CONTEXTUAL,
    ),
    "digits": (
        _mabwiser("LinUCB", alpha=1, constant=1),
        _mabwiser("LinUCB", alpha=0.25, constant=1),
        _mabwiser("LinTS", alpha=0.25, constant=1),
        _mabwiser("LinGreedy", epsilon=0.1, constant=1),
        *_CONTEXTUAL,
    ),
}


def figures() -> list[dict[str, Any]]:
    """Mean regret of everyone on every problem, and ``auto`` against the best peer."""
    found = played()
    rows = []
    for problem in bandit_suite.problems(digits()).values():
        rows.append(_row(f"{problem.name}: random", random_regret(problem)))
        rows += [_row(f"{problem.name}: {entry.label}", one.mean, one) for entry, one in found[problem.name].items()]
        rows += _auto(problem, found[problem.name])
    CURVES.write_text(json.dumps({name: _curves(name, results) for name, results in found.items()}))
    return rows


def played() -> dict[str, dict[Entry, Results]]:
    """Everyone's results, by problem; best first."""
    prepare()
    tasks = [(problem, entry, seeds) for problem in PEERS for entry, seeds in entries(problem)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(lambda task: results(task[1], task[0], task[2]), tasks))
    found: dict[str, dict[Entry, Results]] = {problem: {} for problem in PEERS}
    for (problem, entry, _), one in sorted(zip(tasks, done, strict=True), key=lambda pair: pair[1].mean):
        found[problem][entry] = one
    return found


def entries(problem: str) -> Iterable[tuple[Entry, range]]:
    """Who plays a problem, and the seeds."""
    for entry in PEERS[problem]:
        yield entry, SEEDS
    told = bandit_suite.problems(digits())[problem]
    chosen = automatic(told)
    for name in catalog.CATALOG:
        if _fits(told, name):
            for floor in FLOORS:
                yield Entry.of(OURS, name, floor=floor), SEEDS if name == chosen else FEWER_SEEDS


def automatic(problem: Problem) -> str:
    """What ``auto`` chooses."""
    return peer_trimtab.study(problem, "auto", {}).algorithm.name


def _fits(problem: Problem, name: str) -> bool:
    """Whether the bandit takes such a study and can do without a floor."""
    if catalog.CATALOG[name].joint:
        return False
    try:
        peer_trimtab.player(problem, name, {"floor": 0.0}, 0)
    except TrimtabError:
        return False
    return True


def random_regret(problem: Problem) -> float:
    """Of choosing at random, the mean over the seeds."""
    instances = (problem.instance(np.random.default_rng((seed, 1))) for seed in SEEDS)
    return float(np.mean([(one.means.max(axis=1) - one.means.mean(axis=1)).sum() for one in instances]))


def _auto(problem: Problem, found: dict[Entry, Results]) -> list[dict[str, Any]]:
    best = next(entry for entry in found if entry.library != OURS)
    name = automatic(problem)
    rows = []
    for floor in FLOORS:
        ours = Entry.of(OURS, name, floor=floor)
        if ours in found:
            label = f"{problem.name}: auto ({name}), floor {floor:g} / best peer ({best.label})"
            ratio = found[ours].mean / found[best].mean
            # Peers keep no floor: the goal is on equal terms.
            rows.append(
                _row(label, ratio) | {"unit": "x"} | ({} if floor else {"goal": "<= 1.05", "holds": ratio <= 1.05})
            )
    return rows


def _curves(problem: str, found: dict[Entry, Results]) -> dict[str, list[float]]:
    """The mean regret at each mark; what auto chose under that name as well."""
    name = automatic(bandit_suite.problems(digits())[problem])
    curves = {}
    for entry, one in found.items():
        ours = entry.library == OURS and entry.algorithm == name
        label = entry.label.replace(f"{OURS} {name}", f"auto: {name}") if ours else entry.label
        curves[label] = [round(float(mark), 1) for mark in one.regrets.mean(axis=0)]
    return curves


def _row(figure: str, value: float, one: Results | None = None) -> dict[str, Any]:
    unit = f"± {one.error:.2g}, {len(one.regrets)} seeds" if one else ""
    return {"figure": figure, "value": value, "unit": unit, "goal": None, "holds": None}
