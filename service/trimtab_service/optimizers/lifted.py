"""Acquisition functions over the rows in which a search goes on. NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from trimtab_service.optimizers.activity import Mask
from trimtab_service.optimizers.beliefs import Beliefs
from trimtab_service.optimizers.encoding import Column, Rows
from trimtab_service.optimizers.region import Region


class Acquisition(Protocol):
    """How much is to be gained, point by point."""

    def values(self, rows: Rows) -> Column:
        """Values [b] at rows [b, d]."""
        ...

    def values_and_slopes(self, rows: Rows) -> tuple[Column, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        ...


@dataclass(frozen=True, slots=True)
class Believed:
    """An acquisition function on a logarithmic scale, plus ``power`` times the logarithm of what is believed.

    Hvarfner, Stoll, Souza, Lindauer, Hutter, Nardi 2022, "piBO: Augmenting
    Acquisition Functions with User Beliefs for Bayesian Optimization".
    """

    acquisition: Acquisition
    beliefs: Beliefs
    power: float

    def values(self, rows: Rows) -> Column:
        """Values [b] at rows [b, d]."""
        return self.acquisition.values(rows) + self.power * self.beliefs.log_density(rows)[0]

    def values_and_slopes(self, rows: Rows) -> tuple[Column, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        values, slopes = self.acquisition.values_and_slopes(rows)
        more, steeper = self.beliefs.log_density(rows)
        return values + self.power * more, slopes + self.power * steeper


@dataclass(frozen=True, slots=True)
class Lifted:
    """An acquisition function of whole rows, over rows [b, w] of what is left to be chosen in a region.

    What doesn't exist has no slope.
    """

    acquisition: Acquisition
    region: Region

    def values(self, rows: Rows) -> Column:
        """Values [b] at rows [b, w]."""
        return self.acquisition.values(self._whole(rows))

    def values_and_slopes(self, rows: Rows) -> tuple[Column, Rows]:
        """Values [b] and slopes [b, w] at rows [b, w]."""
        whole = self._whole(rows)
        values, slopes = self.acquisition.values_and_slopes(whole)
        inner = slopes[:, list(self.region.columns)] * np.array([line.slope for line in self.region.lines])
        return values, np.where(self._active(rows), inner, 0.0)

    def _whole(self, rows: Rows) -> Rows:
        return self.region.encoding.settled(self.region.whole(rows))

    def _active(self, rows: Rows) -> Mask:
        inner = self.region.inner
        return np.ones(rows.shape, dtype=bool) if inner is None else inner.encoding.active(rows)


def lifted(acquisition: Acquisition, region: Region) -> Acquisition:
    """The same over rows of what is left to be chosen."""
    plain = not region.fixed and not region.encoding.activity.requirements
    return acquisition if plain else Lifted(acquisition, region)
