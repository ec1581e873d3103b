"""A real thing to tune: six hyperparameters of a gradient-boosting model.

The model predicts how diabetes progresses, on the data set that comes with
scikit-learn; the error is cross-validated, in the unit of the target.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import KFold, cross_val_score

import trimtab

Value: TypeAlias = float | int | str | bool

FOLDS = 5
TUNING_SPLIT = 0
FRESH_SPLITS = (1, 2, 3)
"""Ways to cut the data that tuning never sees: what they say is not flattered by the search."""

PARAMETERS = (
    trimtab.Float("learning_rate", 0.01, 0.5, scale="log"),
    trimtab.Integer("n_estimators", 20, 200, scale="log"),
    trimtab.Integer("max_depth", 1, 6),
    trimtab.Float("subsample", 0.4, 1.0),
    trimtab.Integer("min_samples_leaf", 1, 50, scale="log"),
    trimtab.Categorical("max_features", ["all", "sqrt", "log2"]),
)

DEFAULTS: Mapping[str, Value] = {
    "learning_rate": 0.1,
    "n_estimators": 100,
    "max_depth": 3,
    "subsample": 1.0,
    "min_samples_leaf": 1,
    "max_features": "all",
}
"""What the library takes when told nothing."""


def error(parameters: Mapping[str, Value], split: int = TUNING_SPLIT) -> float:
    """The cross-validated root-mean-square error; the same for the same arguments.

    split: how the data is cut into folds, and the seed of the model.
    """
    chosen = dict(parameters)
    if chosen["max_features"] == "all":
        chosen["max_features"] = None
    model = GradientBoostingRegressor(random_state=split, **chosen)
    inputs, targets = load_diabetes(return_X_y=True)
    folds = KFold(FOLDS, shuffle=True, random_state=split)
    squares = -cross_val_score(model, inputs, targets, cv=folds, scoring="neg_mean_squared_error")
    return math.sqrt(float(squares.mean()))


def fresh_error(parameters: Mapping[str, Value]) -> float:
    """The mean error over FRESH_SPLITS."""
    return float(np.mean([error(parameters, split) for split in FRESH_SPLITS]))
