"""A real thing to tune: six hyperparameters of a gradient-boosting classifier.

The model tells malignant from benign tumours on the data set that comes with
scikit-learn; what counts is its cross-validated log loss, which punishes
confident mistakes. Nothing here talks to a server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

import trimtab

Value: TypeAlias = float | int | str | bool

FOLDS = 3
TUNING_SPLIT = 0
FRESH_SPLITS = (1, 2, 3, 4)
"""Ways to cut the data that tuning never sees: what they say is not flattered by the search."""

PARAMETERS = (
    trimtab.Float("learning_rate", 0.001, 1.0, scale="log"),
    trimtab.Integer("n_estimators", 10, 120, scale="log"),
    trimtab.Integer("max_depth", 1, 8),
    trimtab.Float("subsample", 0.3, 1.0),
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
    """The cross-validated log loss; the same for the same arguments.

    split: how the data is cut into folds, and the seed of the model.
    """
    chosen: dict[str, Value | None] = dict(parameters)
    if chosen["max_features"] == "all":
        chosen["max_features"] = None
    model = GradientBoostingClassifier(random_state=split, **chosen)
    inputs, targets = load_breast_cancer(return_X_y=True)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=split)
    return -float(cross_val_score(model, inputs, targets, cv=folds, scoring="neg_log_loss").mean())


def fresh_error(parameters: Mapping[str, Value]) -> float:
    """The mean log loss over FRESH_SPLITS."""
    return float(np.mean([error(parameters, split) for split in FRESH_SPLITS]))
