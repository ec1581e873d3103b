"""Every problem of the laws: plain ones, and spaces that say more of their points."""

from __future__ import annotations

from contract.optimizers import problems
from contract.optimizers.problems import Problem
from trimtab_service.domain.condition import Condition
from trimtab_service.domain.linear import LinearConstraint, Simplex
from trimtab_service.domain.prior import NormalPrior, WeightsPrior
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Parameter, Scale


def pipeline() -> tuple[Parameter, ...]:
    """A model with settings of its own, and some of these with settings of theirs."""
    return (
        Categorical("model", ("linear", "tree", "net")),
        Float("penalty", 1e-6, 10.0, Scale.LOG, conditions=(Condition("model", ("linear", "net")),)),
        Integer("depth", 1, 20, conditions=(Condition("model", ("tree",)),)),
        Integer("layers", 1, 4, conditions=(Condition("model", ("net",)),)),
        Integer("second_width", 8, 512, Scale.LOG, conditions=(Condition("layers", min=2),)),
        Categorical("pruned", (False, True), conditions=(Condition("depth", min=6, max=12),)),
        Float("share", 0.1, 1.0),
    )


PARTS = tuple(Float(f"part{index}", 0.0, 1.0) for index in range(20))
MIXTURE = Simplex(tuple(part.name for part in PARTS))
RECIPE = (Float("flour", 0.2, 0.9), Float("water", 0.05, 0.6), Float("salt", 0.0, 0.05), Integer("minutes", 5, 60))

TOLD = (
    Problem("conditional", pipeline()),
    Problem(
        "conditional_and_finite",
        (
            Categorical("cache", ("none", "lru", "lfu")),
            Discrete("size", (64, 256, 1024), conditions=(Condition("cache", ("lru", "lfu")),)),
            Integer("decay", 1, 4, conditions=(Condition("cache", ("lfu",)),)),
        ),
        baseline={"cache": "lru", "size": 256},
    ),
    Problem(
        "a_number_decides",
        (
            Float("weight", 0.0, 1.0),
            Float("reach", 1.0, 100.0, Scale.LOG, conditions=(Condition("weight", min=0.3, max=0.8),)),
            Categorical("way", ("up", "down"), conditions=(Condition("reach", max=10.0),)),
        ),
    ),
    Problem(
        "two_pools",
        (Integer("reads", 1, 64), Integer("writes", 1, 64), Float("share", 0.0, 1.0)),
        (LinearConstraint({"reads": 1.0, "writes": 2.0}, max=40.0),),
    ),
    Problem(
        "a_narrow_strip",
        (Float("x", 0.0, 1.0), Float("y", 1e-3, 1.0, Scale.LOG), Float("z", 0.1, 0.9, Scale.LOGIT)),
        (LinearConstraint({"x": 1.0, "y": -1.0}, -1e-3, 1e-3), LinearConstraint({"x": 1.0, "z": 1.0}, min=0.7)),
    ),
    Problem(
        "whole_numbers_that_add_up",
        (Integer("a", 0, 20), Integer("b", 0, 20), Discrete("c", (0, 1, 5, 10)), Categorical("d", ("u", "v"))),
        (LinearConstraint({"a": 1.0, "b": 1.0, "c": 1.0}, 20.0, 20.0),),
    ),
    Problem("twenty_parts", PARTS, simplexes=(MIXTURE,)),
    Problem(
        "a_recipe",
        RECIPE,
        (LinearConstraint({"flour": 1.0, "water": -2.0}, min=0.0),),
        (Simplex(("flour", "water", "salt")),),
        baseline={"flour": 0.68, "water": 0.3, "salt": 0.02, "minutes": 30},
    ),
    Problem(
        "beliefs",
        (
            Float("rate", 1e-4, 1.0, Scale.LOG, prior=NormalPrior(0.01, 0.1)),
            Integer("depth", 1, 12, prior=NormalPrior(3.0, 0.2)),
            Discrete("bins", (15, 31, 63, 127, 255), prior=WeightsPrior((1.0, 1.0, 4.0, 1.0, 1.0))),
            Categorical("loss", ("square", "huber"), prior=WeightsPrior((0.2, 0.8))),
        ),
    ),
    Problem("fixed", problems.SIX, fixed={"x1": 2.5, "x4": -5.0}),
    Problem("all_fixed", problems.SIX[:2], fixed={"x0": 1.0, "x1": 2.5}),
    Problem("a_branch_is_fixed", pipeline(), fixed={"model": "net", "share": 0.5}),
    Problem("a_leaf_is_fixed", pipeline(), fixed={"second_width": 64}),
    Problem("fixed_parts", PARTS, simplexes=(MIXTURE,), fixed={f"part{index}": 0.05 for index in range(10)}),
    Problem(
        "a_fixed_recipe", RECIPE, simplexes=(Simplex(("flour", "water", "salt")),), fixed={"water": 0.3, "salt": 0.02}
    ),
    Problem(
        "a_fixed_pool",
        (Integer("reads", 1, 64), Integer("writes", 1, 64), Float("share", 0.0, 1.0)),
        (LinearConstraint({"reads": 1.0, "writes": 2.0}, max=40.0),),
        fixed={"reads": 30},
    ),
)
"""Conditions, linear constraints, mixtures, beliefs, and values that a call fixes."""

PROBLEMS = (*problems.PROBLEMS, *TOLD)
