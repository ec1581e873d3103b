"""The tuning tasks of the suite: models trained on data that comes with scikit-learn, and tables of trained models."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes, load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from hpo_tables import TABLES, Table
from quality.problem import Categorical, Float, Integer, Outcomes, Parameter, Point, Situation, When

FOLDS = 2
IMAGES = 240  # of the digits: enough to tell pipelines apart, few enough to be cheap
LEAST_TIME = 1e-7  # of the longest: some tables have times that were rounded to 0

BOOSTING = (
    Float("learning_rate", 0.001, 1.0, log=True),
    Integer("n_estimators", 10, 60, log=True),
    Integer("max_depth", 1, 8),
    Float("subsample", 0.3, 1.0),
    Integer("min_samples_leaf", 1, 50, log=True),
    Categorical("max_features", ("all", "sqrt", "log2")),
)


def boosting(point: Point, _: Situation) -> Outcomes:
    """Root mean squared error of gradient boosting on the diabetes data, cross-validated."""
    chosen: dict[str, Any] = dict(point)
    if chosen["max_features"] == "all":
        chosen["max_features"] = None
    inputs, targets = load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(random_state=0, **chosen)
    scores = cross_val_score(
        model, inputs, targets, cv=KFold(FOLDS, shuffle=True, random_state=0), scoring="neg_mean_squared_error"
    )
    return {"loss": float(np.sqrt(-scores.mean()))}


_NEIGHBOURS, _LOGISTIC, _TREE = (When("model", (name,)) for name in ("neighbours", "logistic", "tree"))
PIPELINE: tuple[Parameter, ...] = (
    Categorical("scaling", ("none", "standard", "range")),
    Categorical("reduction", ("none", "pca")),
    Integer("components", 2, 60, log=True, when=When("reduction", ("pca",))),
    Categorical("model", ("neighbours", "logistic", "tree")),
    Integer("neighbours", 1, 60, log=True, when=_NEIGHBOURS),
    Float("power", 1.0, 4.0, when=_NEIGHBOURS),
    Categorical("weights", ("uniform", "distance"), when=_NEIGHBOURS),
    Float("strength", 1e-4, 1e2, log=True, when=_LOGISTIC),
    Integer("depth", 1, 20, when=_TREE),
    Integer("leaf", 1, 40, log=True, when=_TREE),
)


def pipeline(point: Point, _: Situation) -> Outcomes:
    """Log loss of a pipeline that tells digits apart, cross-validated; which parameters there are depends on others."""
    inputs, targets = load_digits(return_X_y=True)
    inputs, targets = inputs[:IMAGES], targets[:IMAGES]
    steps: list[Any] = {"none": [], "standard": [StandardScaler()], "range": [MinMaxScaler()]}[str(point["scaling"])]
    if point["reduction"] == "pca":
        steps = [*steps, PCA(int(point["components"]), random_state=0)]
    match point["model"]:
        case "neighbours":
            last: Any = KNeighborsClassifier(
                int(point["neighbours"]), p=float(point["power"]), weights=str(point["weights"])
            )
        case "logistic":
            last = LogisticRegression(C=float(point["strength"]), max_iter=100, tol=1e-2)
        case _:
            last = DecisionTreeClassifier(
                max_depth=int(point["depth"]), min_samples_leaf=int(point["leaf"]), random_state=0
            )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bounded number of steps is part of the task
        scores = cross_val_score(make_pipeline(*steps, last), inputs, targets, cv=folds, scoring="neg_log_loss")
    return {"loss": -float(scores.mean())}


_BINARY = {"activation_1": ("relu", "tanh"), "activation_2": ("relu", "tanh"), "schedule": ("cosine", "const")}
_HPOLIB_NAMES = (
    *("activation_1", "activation_2", "batch", "dropout_1", "dropout_2", "rate", "schedule", "units_1", "units_2"),
)
_HPOBENCH_NAMES = ("alpha", "batch", "depth", "rate", "width")


def table_parameters(name: str) -> tuple[Parameter, ...]:
    """The hyperparameters of a table: names, and places in ordered lists of numbers."""
    folder, sizes = TABLES[name]
    names = _HPOLIB_NAMES if folder.startswith("hpolib") else _HPOBENCH_NAMES
    return tuple(
        Categorical(name, _BINARY[name]) if name in _BINARY else Integer(name, 0, size - 1)
        for name, size in zip(names, sizes, strict=True)
    )


@cache
def table(name: str) -> Table:
    """The table itself; fetched and read once."""
    return Table.named(name)


def _row(name: str, point: Point) -> int:
    places = [
        parameter.values.index(str(point[parameter.name]))
        if isinstance(parameter, Categorical)
        else int(point[parameter.name])
        for parameter in table_parameters(name)
    ]
    return int(np.ravel_multi_index(places, table(name).sizes))


def protein(point: Point, _: Situation) -> Outcomes:
    """What share of the variance a network leaves unexplained, on average over training seeds."""
    return {"loss": 1.0 - float(table("protein").accuracies[_row("protein", point)].mean())}


def phoneme(point: Point, _: Situation) -> Outcomes:
    """The error of a network, on average over training seeds, and with each of them."""
    accuracies = table("phoneme").accuracies[_row("phoneme", point)]
    return {"loss": 1.0 - float(accuracies.mean())} | {
        f"seed{index}": 1.0 - float(accuracy) for index, accuracy in enumerate(accuracies)
    }


def one_training(true: Outcomes, rng: np.random.Generator) -> Outcomes:
    """The error with a training seed drawn at random."""
    seeds = [name for name in true if name.startswith("seed")]
    return {"loss": true[seeds[int(rng.integers(len(seeds)))]]}


def _loss_and_time(accuracies: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 2] orders of magnitude, of models [n, s] trained with s seeds."""
    pair = (1.0 - accuracies.mean(axis=-1), np.maximum(times.mean(axis=-1), LEAST_TIME))
    orders: NDArray[np.float64] = np.log10(np.stack(pair, axis=-1))
    return orders


def parkinsons(point: Point, _: Situation) -> Outcomes:
    """Orders of magnitude of the unexplained share, and of the time of training."""
    known, row = table("parkinsons"), _row("parkinsons", point)
    loss, time = _loss_and_time(known.accuracies[row], known.times[row])
    return {"loss": float(loss), "time": float(time)}


def every_parkinsons() -> NDArray[np.float64]:
    """[N, 2] the objectives of all points of the table."""
    known = table("parkinsons")
    return _loss_and_time(known.accuracies, known.times)
