"""The problems, in the order in which tables show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from quality import functions, tasks
from quality.problem import Categorical, Float, Integer, Outcomes, Parameter, Problem, When

UNIT = tuple(Float(f"x{index}", 0.0, 1.0) for index in range(6))
OUTLIERS = 0.05  # of the measurements; Hartmann's values span 3.3
OUTLIER_DEVIATION = 5.0


def _noise(deviation: float, outliers: float = 0.0) -> Callable[[Outcomes, np.random.Generator], Outcomes]:
    """Adds gaussian noise; to a share ``outliers`` of the measurements much more of it."""

    def measured(true: Outcomes, rng: np.random.Generator) -> Outcomes:
        usual, unusual, chance = float(rng.standard_normal()), float(rng.standard_normal()), float(rng.random())
        return {"loss": true["loss"] + deviation * usual + OUTLIER_DEVIATION * unusual * (chance < outliers)}

    return measured


def _branch(side: str) -> tuple[Parameter, ...]:
    here = When("root", (side,))
    return (
        Categorical(f"{side}_branch", ("a", "b"), here),
        Float(f"{side}_shared", 0.0, 1.0, when=here),
        *(Float(f"{side}_{leaf}", -1.0, 1.0, when=When(f"{side}_branch", (leaf,))) for leaf in "ab"),
    )


HARTMANN = Problem(
    "hartmann6", "Hartmann6", "noise-free", UNIT, functions.hartmann, functions.HARTMANN_LEAST, resolution=1e-4
)

PROBLEMS: tuple[Problem, ...] = (
    Problem(
        "branin",
        "Branin",
        "noise-free",
        (Float("x", -5.0, 10.0), Float("y", 0.0, 15.0)),
        functions.branin,
        functions.BRANIN_LEAST,
        resolution=1e-4,
    ),
    HARTMANN,
    Problem(
        "levy8",
        "Levy8, shifted",
        "noise-free",
        tuple(Float(f"x{index}", -10.0, 10.0) for index in range(8)),
        functions.levy,
        0.0,
        resolution=1e-3,
    ),
    Problem(
        "rosenbrock10",
        "Rosenbrock10",
        "noise-free",
        tuple(Float(f"x{index}", -5.0, 10.0) for index in range(10)),
        functions.rosenbrock,
        0.0,
        resolution=1.0,
    ),
    replace(
        HARTMANN,
        name="hartmann6-noise-0.1",
        title="Hartmann6, noise 0.1",
        family="noisy",
        measured=_noise(0.1),
        noisy=True,
        resolution=1e-3,
    ),
    replace(
        HARTMANN,
        name="hartmann6-noise-0.5",
        title="Hartmann6, noise 0.5",
        family="noisy",
        measured=_noise(0.5),
        noisy=True,
        resolution=1e-3,
    ),
    replace(
        HARTMANN,
        name="hartmann6-outliers",
        title="Hartmann6, noise 0.1, 5 % outliers",
        family="noisy",
        measured=_noise(0.1, OUTLIERS),
        noisy=True,
        resolution=1e-3,
    ),
    Problem(
        "ackley5-log",
        "Ackley5, log scales, shifted",
        "log",
        tuple(Float(f"x{index}", 1e-5, 1.0, log=True) for index in range(5)),
        functions.ackley_log,
        0.0,
        resolution=1e-2,
    ),
    Problem(
        "ackley-mixed",
        "mixed Ackley8",
        "mixed",
        (
            *(Float(name, -8.0, 8.0) for name in "abc"),
            *(Integer(name, -8, 8) for name in "ijk"),
            Categorical("u", ("p", "q", "r", "s")),
            Categorical("v", ("yes", "no")),
        ),
        functions.ackley_mixed,
        0.0,
        resolution=1e-2,
    ),
    Problem(
        "tree",
        "conditional tree",
        "mixed",
        (Categorical("root", ("left", "right")), *_branch("left"), *_branch("right")),
        functions.tree,
        0.1,
        resolution=1e-4,
    ),
    Problem(
        "pipeline",
        "conditional pipeline on digits",
        "HPO",
        tasks.PIPELINE,
        tasks.pipeline,
        0.12,
        resolution=1e-3,
    ),
    Problem(
        "boosting",
        "gradient boosting on diabetes",
        "HPO",
        tasks.BOOSTING,
        tasks.boosting,
        55.2,
        resolution=1e-2,
    ),
    Problem(
        "table-protein",
        "network on protein, table",
        "HPO",
        tasks.table_parameters("protein"),
        tasks.protein,
        0.221378855407238,
        resolution=1e-4,
    ),
    Problem(
        "table-phoneme",
        "network on phoneme, table, random training seeds",
        "HPO",
        tasks.table_parameters("phoneme"),
        tasks.phoneme,
        0.05553028005257299,
        resolution=1e-4,
        measured=tasks.one_training,
        noisy=True,
    ),
    Problem(
        "gardner",
        "Gardner, one constraint",
        "constrained",
        (Float("x", 0.0, 6.0), Float("y", 0.0, 6.0)),
        functions.gardner,
        0.2532358944,
        resolution=1e-4,
        constraints=("limit",),
    ),
    Problem(
        "gramacy",
        "Gramacy, two constraints",
        "constrained",
        (Float("x", 0.0, 1.0), Float("y", 0.0, 1.0)),
        functions.gramacy,
        0.5997874418,
        resolution=1e-4,
        constraints=("wave", "disc"),
    ),
    Problem(
        "zdt1",
        "ZDT1, six parameters",
        "multi-objective",
        UNIT,
        functions.zdt1,
        121.0 - 1.0 / 3.0,
        resolution=1e-3,
        objectives=("first", "second"),
        reference=(11.0, 11.0),
    ),
    Problem(
        "table-parkinsons",
        "network on parkinsons, loss and time, table",
        "multi-objective",
        tasks.table_parameters("parkinsons"),
        tasks.parkinsons,
        4.651726505570721,
        resolution=1e-3,
        objectives=("loss", "time"),
        reference=(0.0, 0.0),
    ),
    Problem(
        "branin-context",
        "contextual Branin",
        "contextual",
        (Float("x", -5.0, 10.0),),
        functions.branin_in_context,
        functions.BRANIN_LEAST,
        resolution=1e-3,
        context=(Float("y", 0.0, 15.0),),
        least=functions.branin_least,
        online=True,
    ),
    Problem(
        "hartmann6-among-100",
        "Hartmann6 among 100 parameters",
        "high-dimensional",
        tuple(Float(f"x{index}", 0.0, 1.0) for index in range(100)),
        functions.hartmann_among,
        functions.HARTMANN_LEAST,
        resolution=1e-3,
        trials=100,
    ),
    Problem(
        "drifting-bowl",
        "drifting bowl",
        "drifting",
        tuple(Float(f"x{index}", 0.0, 1.0) for index in range(4)),
        functions.drifting_bowl,
        0.0,
        resolution=1e-2,
        half_life=20.0,
        online=True,
        trials=75,
    ),
)
NAMED = {problem.name: problem for problem in PROBLEMS}


def chosen(names: str | None) -> list[Problem]:
    """The problems named, with commas between; all of them for None. ValueError for an unknown one."""
    if not names:
        return list(PROBLEMS)
    unknown = [name for name in names.split(",") if name not in NAMED]
    if unknown:
        raise ValueError(f"no problem {', '.join(unknown)}; there are: {', '.join(NAMED)}")
    return [NAMED[name] for name in names.split(",")]
