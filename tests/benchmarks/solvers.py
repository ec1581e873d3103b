"""Solver parameters tuned by a running server: iterations against those of the best fixed parameter.

One Suggest and one Observe a solve, one after the other, as a simulation would; several simulations are served
at once. What a solve takes with any omega is computed beforehand, as the best fixed omega has to be known anyway,
and the simulations look it up. The experiments are those of Khodak et al. 2024, Learning to Relax.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import serving
import trimtab
from serving import RunningServer
from trimtab_service.bandits.catalog import CATALOG

sys.path.append(str(Path(__file__).parents[2] / "clients" / "python" / "examples"))
import heat
import sor

SOLVES = 5_000
LAST = 1_000
SEEDS = range(5)
MARKS = 100  # how often the totals are written down
KEPT = Path(__file__).parents[2] / "build" / "bench" / "solvers"
CURVES = KEPT / "curves.json"

SOR_LOW, SOR_HIGH, HEAT = "SOR, low variance", "SOR, high variance", "heat, 25 x 25 points"


@dataclass(frozen=True, slots=True)
class Tuner:
    """An algorithm of the service, with options.

    most, most_late: the goals for the total and for the last thousand solves, by experiment.
    """

    label: str
    algorithm: str
    options: Mapping[str, float | str] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)
    most_late: Mapping[str, float] = field(default_factory=dict)

    @property
    def hosted(self) -> bool:
        """Whether the service knows the algorithm."""
        return self.algorithm in CATALOG

    @property
    def contextual(self) -> bool:
        """Whether it is told the context."""
        return bool(CATALOG[self.algorithm].contextual)


_EVERYWHERE = (SOR_LOW, SOR_HIGH, HEAT)
TUNERS = (
    Tuner(
        "tsallis_inf",
        "tsallis_inf",
        most=dict.fromkeys(_EVERYWHERE, 1.20),
        most_late=dict.fromkeys(_EVERYWHERE, 1.10),
    ),
    Tuner("reduced_variance_tsallis_inf", "reduced_variance_tsallis_inf"),
    Tuner("thompson", "thompson"),
    Tuner("adaptive_thompson", "adaptive_thompson"),
    Tuner("binned, tsallis_inf in 5 bins", "binned", {"bins": 5, "learner": "tsallis_inf"}),
    Tuner("binned, thompson in 5 bins", "binned", {"bins": 5, "learner": "thompson"}),
    Tuner("lin_ucb with interactions", "lin_ucb", {"interactions": True}),
    Tuner("cheb_cb", "cheb_cb", most={SOR_LOW: 0.88, SOR_HIGH: 0.72, HEAT: 0.92}),
)


@dataclass(frozen=True, slots=True)
class Simulation:
    """A sequence of solves.

    context: what is declared of it. contexts: [T]. taken: [T, 20] the iterations with each omega.
    """

    context: trimtab.Float
    contexts: NDArray[np.float64]
    taken: NDArray[np.int64]

    @property
    def fixed(self) -> NDArray[np.int64]:
        """[T] the iterations with the omega that is best in total."""
        return np.asarray(self.taken[:, np.argmin(self.taken.sum(axis=0))])


def figures() -> list[dict[str, Any]]:
    """Total iterations, ours over the best fixed omega's, means of the seeds."""
    rows: list[dict[str, Any]] = []
    curves: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder, RunningServer(serving.sqlite_in(Path(folder))) as server:
        for name, simulations in experiments():
            curves[name] = {}
            rows += _references(name, simulations)
            for tuner in (tuner for tuner in TUNERS if tuner.hosted):
                taken = asyncio.run(_tune_all(server.address, name, simulations, tuner))
                rows += _rows(name, tuner, simulations, taken)
                curves[name][tuner.label] = _curve(simulations, taken)
    CURVES.write_text(json.dumps(curves))
    return rows


def experiments() -> Iterator[tuple[str, list[Simulation]]]:
    """Every experiment with the simulations of all seeds; heat has one only, and the seed is the server's luck."""
    shift, kappa = trimtab.Float("shift", -0.15, 0.65), trimtab.Float("kappa", 0.0, heat.LARGEST_CONDUCTIVITY)
    for name, variance in ((SOR_LOW, "low"), (SOR_HIGH, "high")):
        simulations = []
        for seed in SEEDS:
            systems = sor.sequence(SOLVES, np.random.default_rng(seed), variance)
            taken = _computed(f"sor-{variance}-{seed}", sor, partial(sor.iterations, systems))
            simulations.append(Simulation(shift, systems.shifts, taken))
        yield name, simulations
    flow = heat.simulation(SOLVES)
    taken = _computed("heat", heat, partial(heat.iterations, flow))
    yield HEAT, [Simulation(kappa, flow.conductivities, taken)] * len(SEEDS)


def _computed(name: str, solver: Any, iterations: Any) -> NDArray[np.int64]:
    """[T, 20] as in Simulation, kept as long as the solver's source stays the same."""
    source = hashlib.sha256(Path(solver.__file__).read_bytes()).hexdigest()[:10]
    kept = KEPT / f"{name}-{source}.npy"
    if not kept.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        np.save(kept, np.stack([iterations(np.full(SOLVES, omega)) for omega in solver.OMEGAS], axis=1))
    taken: NDArray[np.int64] = np.load(kept)
    return taken


async def _tune_all(address: str, name: str, simulations: list[Simulation], tuner: Tuner) -> NDArray[np.int64]:
    """[seeds, T] the iterations that the simulations took, all of them at once."""
    async with trimtab.AsyncClient(address) as client:
        tasks = [
            _tune(client, f"{name}: {tuner.label}, seed {seed}", simulation, tuner, seed)
            for seed, simulation in enumerate(simulations)
        ]
        return np.array(await asyncio.gather(*tasks))


async def _tune(
    client: trimtab.AsyncClient, title: str, simulation: Simulation, tuner: Tuner, seed: int
) -> NDArray[np.int64]:
    study = await client.create_study(
        f"s{hashlib.sha256(title.encode()).hexdigest()[:20]}",
        parameters=[trimtab.Float("omega", 1.0, 1.95, step=0.05)],
        context=[simulation.context] if tuner.contextual else [],
        minimize="iterations",
        algorithm=tuner.algorithm,
        options=tuner.options,
        seed=seed,
        description=title,
    )
    taken = np.zeros(len(simulation.taken), dtype=np.int64)
    for number, row in enumerate(simulation.taken):
        context = {simulation.context.name: simulation.contexts[number]} if tuner.contextual else None
        suggestion = await study.suggest(context, on_unavailable="raise")
        taken[number] = row[round((float(suggestion["omega"]) - 1) / 0.05)]
        await suggestion.observe(iterations=int(taken[number]))
    return taken


def _ratios(simulations: list[Simulation], taken: NDArray[np.int64], first: int = 0) -> NDArray[np.float64]:
    """[seeds] iterations from solve ``first`` on over those with the best fixed omega."""
    fixed = np.array([simulation.fixed for simulation in simulations])
    return np.asarray(taken[:, first:].sum(axis=1) / fixed[:, first:].sum(axis=1))


def _curve(simulations: list[Simulation], taken: NDArray[np.int64]) -> list[float]:
    """The ratio so far at each mark, of all seeds together."""
    fixed = np.array([simulation.fixed for simulation in simulations])
    ratios = taken.cumsum(axis=1).sum(axis=0) / fixed.cumsum(axis=1).sum(axis=0)
    return [round(float(ratio), 4) for ratio in ratios[SOLVES // MARKS - 1 :: SOLVES // MARKS]]


def _references(name: str, simulations: list[Simulation]) -> list[dict[str, Any]]:
    optimal = np.array([simulation.taken.min(axis=1) for simulation in simulations])
    rows = [_row(f"{name}: the best omega for each solve", _ratios(simulations, optimal))]
    random = [simulation.taken.mean(axis=1).sum() / simulation.fixed.sum() for simulation in simulations]
    return [*rows, _row(f"{name}: omega at random", np.array(random))]


def _rows(name: str, tuner: Tuner, simulations: list[Simulation], taken: NDArray[np.int64]) -> list[dict[str, Any]]:
    label = f"{name}: {tuner.label}"
    late = _ratios(simulations, taken, SOLVES - LAST)
    return [
        _row(label, _ratios(simulations, taken), tuner.most.get(name)),
        _row(f"{label}, last {LAST:,}", late, tuner.most_late.get(name)),
    ]


def _row(figure: str, ratios: NDArray[np.float64], most: float | None = None) -> dict[str, Any]:
    mean, error = float(ratios.mean()), float(ratios.std(ddof=1) / np.sqrt(len(ratios)))
    return {
        "figure": f"{figure} / best fixed omega",
        "value": mean,
        "unit": f"x ± {error:.1g}",
        "goal": None if most is None else f"<= {most:.2f}",
        "holds": None if most is None else mean <= most,
    }
