"""What a contextual bandit sees of a context: a row of features, the same for ever.

Features are in fixed coordinates, which depend on what the study declares and
never on what was seen, so that sums over them keep their meaning. Putting them
on one scale is left to whoever makes a policy: ``standardizing`` says how. No
costs and no arms here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import Categorical, Discrete, Parameter, Scale

LINEAR, LOG, LOGIT = range(3)
_CODES = {Scale.LINEAR: LINEAR, Scale.LOG: LOG, Scale.LOGIT: LOGIT}
# Of a coordinate in [-1, 1]: what varies less can't be told from rounding.
LEAST_DEVIATION = 1e-6
# Of the deviation that all numbers have together: a range declared too wide shall not make a number count for nothing.
LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Coordinates:
    """Numbers of a context on their declared scales, the ends of each range at -1 and 1.

    columns: [p] where in the context they are.
    scales: [p] LINEAR, LOG or LOGIT.
    centers, halves: [p] middle and half the width of each range, on its scale;
        a range of one point only is mapped to 0.
    """

    columns: NDArray[np.intp]
    scales: NDArray[np.intp]
    centers: NDArray[np.float64]
    halves: NDArray[np.float64]

    @classmethod
    def of(cls, context: Sequence[Parameter]) -> Coordinates:
        """Of every number that is declared, those of a Discrete among them."""
        columns, scales, centers, halves = [], [], [], []
        for column, parameter in enumerate(context):
            if isinstance(parameter, Categorical):
                continue
            if isinstance(parameter, Discrete):
                scale, low, high = LINEAR, float(parameter.choices[0]), float(parameter.choices[-1])
            else:
                scale = _CODES[parameter.scale]
                low, high = _on_scale(parameter.min, scale), _on_scale(parameter.max, scale)
            columns.append(column)
            scales.append(scale)
            centers.append(low / 2 + high / 2)
            halves.append((high / 2 - low / 2) or 1.0)
        return cls(
            frozen(np.array(columns, dtype=np.intp)),
            frozen(np.array(scales, dtype=np.intp)),
            frozen(np.array(centers, dtype=float)),
            frozen(np.array(halves, dtype=float)),
        )

    @classmethod
    def of_one(cls, context: Sequence[Parameter], name: str) -> Coordinates:
        """Of the only number; InvalidArgument (field ``context``) for a context that is anything else."""
        coordinates = cls.of(context)
        if len(context) != 1 or coordinates.columns.size != 1:
            raise InvalidArgument("context", f"{name} takes one number as its context, and nothing else")
        return coordinates

    def __call__(self, contexts: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, p] in [-1, 1]. contexts: [n, c], legal ones."""
        numbers: NDArray[np.float64] = contexts[:, self.columns]
        if self.scales.any():
            logs, logits = self.scales == LOG, self.scales == LOGIT
            numbers[:, logs] = np.log(numbers[:, logs])
            numbers[:, logits] = np.log(numbers[:, logits]) - np.log1p(-numbers[:, logits])
        numbers -= self.centers
        numbers /= self.halves
        return numbers


def _on_scale(number: float, scale: int) -> float:
    if scale == LOG:
        return math.log(number)
    return math.log(number) - math.log1p(-number) if scale == LOGIT else float(number)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Contexts to features: a constant 1, then the numbers, one column a category, and maybe products of two.

    coordinates: of the p numbers.
    columns: [q] where in the context categories are.
    places: [q] the feature that stands for the first category of each.
    base: how many features there are before the products.
    first, second: [r] the two features of each product; a number's square is
        among them, a category with another of the same name is not.
    """

    coordinates: Coordinates
    columns: NDArray[np.intp]
    places: NDArray[np.intp]
    base: int
    first: NDArray[np.intp]
    second: NDArray[np.intp]

    @classmethod
    def of(cls, context: Sequence[Parameter]) -> Features:
        """Without products."""
        coordinates = Coordinates.of(context)
        columns, places = [], []
        base = 1 + coordinates.columns.size
        for column, parameter in enumerate(context):
            if isinstance(parameter, Categorical):
                columns.append(column)
                places.append(base)
                base += len(parameter.choices)
        none = frozen(np.zeros(0, dtype=np.intp))
        return cls(
            coordinates,
            frozen(np.array(columns, dtype=np.intp)),
            frozen(np.array(places, dtype=np.intp)),
            base,
            none,
            none,
        )

    def with_products(self) -> Features:
        """With all products of two features."""
        numbers = 1 + self.coordinates.columns.size
        first, second = np.triu_indices(self.base)
        # Features before the first category own themselves.
        owners = np.arange(self.base)
        owners[numbers:] = self.base + np.searchsorted(self.places, owners[numbers:], side="right")
        squares = (first == second) & (first < numbers)
        kept = (first > 0) & ((owners[first] != owners[second]) | squares)
        return replace(self, first=frozen(first[kept].astype(np.intp)), second=frozen(second[kept].astype(np.intp)))

    @property
    def count(self) -> int:
        """How many features there are: d."""
        return self.base + self.first.size

    def __call__(self, contexts: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, d] contexts: [n, c], legal ones."""
        numbers = 1 + self.coordinates.columns.size
        features = np.zeros((len(contexts), self.count))
        features[:, 0] = 1
        features[:, 1:numbers] = self.coordinates(contexts)
        if self.columns.size:
            ones = self.places + contexts[:, self.columns].astype(np.intp)
            features[np.arange(len(contexts))[:, None], ones] = 1
        if self.first.size:
            features[:, self.base :] = features[:, self.first] * features[:, self.second]
        return features

    def standardizing(self, gram: NDArray[np.float64]) -> NDArray[np.float64]:
        """[d, d] the matrix T that gives numbers a mean of 0 and a variance of about 1, products those of such numbers.

        gram: [d, d] weighted sum of x x', x being the features. T x is linear
        in x, as x holds a constant and every factor of its products; so T G T'
        is exactly the gram that the standardized features would have had. All
        numbers are divided by their root mean square deviation, so that one
        that fills more of its range counts for more; none is left with less
        than LEAST_SHARE. What didn't vary keeps its scale; a category is 0 or 1
        as before.
        """
        weight = gram[0, 0]
        numbers = slice(1, 1 + self.coordinates.columns.size)
        shifts, factors = np.zeros(self.base), np.ones(self.base)
        if weight > 0:
            shifts[numbers] = gram[0, numbers] / weight
            variances = np.diagonal(gram)[numbers] / weight - shifts[numbers] ** 2
            varied = variances > LEAST_DEVIATION**2
            if varied.any():
                common = variances[varied].mean() ** -0.5
                factors[numbers][varied] = np.maximum(common, LEAST_SHARE / np.sqrt(variances[varied]))
        shifts *= factors
        matrix = np.zeros((self.count, self.count))
        matrix[range(self.base), range(self.base)] = factors
        matrix[: self.base, 0] -= shifts
        # (f x - s)(g y - t) = f g x y - f t x - s g y + s t
        rows, first, second = np.arange(self.base, self.count), self.first, self.second
        matrix[rows, rows] = factors[first] * factors[second]
        np.add.at(matrix, (rows, first), -factors[first] * shifts[second])
        np.add.at(matrix, (rows, second), -shifts[first] * factors[second])
        matrix[rows, 0] += shifts[first] * shifts[second]
        return matrix


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The array itself, never to be changed again."""
    array.setflags(write=False)
    return array
