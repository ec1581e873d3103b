"""The points that one call may get: the legal ones that have the values it asks for. NumPy alone.

What a value leaves no choice of, or less, is taken out: the search goes on in
rows of a smaller space, ``inner``. Rows that leave here are of the whole space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.fixed import remainder
from trimtab_service.domain.space import Categorical, Parameter, Parameters, ParameterValue, SearchSpace
from trimtab_service.optimizers.encoding import Column, Encoding, Rows, to_indices
from trimtab_service.optimizers.feasible import Feasible
from trimtab_service.optimizers.interior import Seed

NO_POINT = "no legal point was found"


@dataclass(frozen=True, slots=True)
class Line:
    """From the positions of a parameter with fewer values to those of the whole one.

    table: [c] the positions of its listed values; None: start + slope * position.
    """

    inner: Parameter
    table: Column | None
    start: float
    slope: float

    @classmethod
    def of(cls, inner: Parameter, whole: Parameter) -> Line:
        """Of two parameters of one name; the values of ``inner`` are some of ``whole``'s."""
        alone, all_alone = (replace(one, conditions=(), prior=None) for one in (inner, whole))
        if alone == all_alone:
            return cls(inner, None, 0.0, 1.0)
        encoding = Encoding((all_alone,))
        if hasattr(inner, "choices"):
            table = encoding.encode([{inner.name: value} for value in inner.values()])[:, 0]
            return cls(inner, table, 0.0, 0.0)
        ends = Encoding((alone,)).decode(np.array([[0.0], [1.0]]))
        start, end = encoding.encode(ends)[:, 0]
        return cls(inner, None, float(start), float(end - start))

    def forth(self, column: Column) -> Column:
        """[n] positions of the whole parameter."""
        if self.table is None:
            return self.start + self.slope * column
        return np.asarray(self.table[to_indices(self.inner, column).astype(np.intp)])

    def back(self, column: Column) -> Column:
        """[n] the nearest positions of the inner one."""
        if self.table is None:
            return np.asarray(np.clip((column - self.start) / self.slope, 0.0, 1.0)) if self.slope else column * 0.0
        nearest = np.asarray(np.abs(column[:, None] - self.table).argmin(axis=1), dtype=float)
        last = len(self.table) - 1
        return nearest if isinstance(self.inner, Categorical) or not last else nearest / last


@dataclass(frozen=True, slots=True)
class Region:
    """The legal rows with the values ``fixed``.

    Raises InvalidArgument where it is clear that there are none; ``check``
    says it in all cases.

    encoding: of the whole space. given: the values that all points have.
    inner: what is left to be chosen; None where
    nothing is. columns: those that its rows fill. base: [d] the others.
    """

    space: SearchSpace
    fixed: Parameters = field(default_factory=dict)
    encoding: Encoding = field(init=False, repr=False, compare=False)
    given: Parameters = field(init=False, repr=False, compare=False)
    inner: Feasible | None = field(init=False, repr=False, compare=False)
    columns: tuple[int, ...] = field(init=False, repr=False, compare=False)
    base: Column = field(init=False, repr=False, compare=False)
    lines: tuple[Line, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rest = remainder(self.space, self.fixed)
        encoding = Encoding(self.space.parameters)
        chosen = {} if rest.space is None else rest.space.named
        columns = tuple(i for i, parameter in enumerate(encoding.parameters) if parameter.name in chosen)
        base = encoding.nowhere
        for index, parameter in enumerate(encoding.parameters):
            if parameter.name in rest.given:
                base[index] = Encoding((replace(parameter, conditions=()),)).encode([rest.given])[0, 0]
        lines = [Line.of(chosen[encoding.parameters[i].name], encoding.parameters[i]) for i in columns]
        object.__setattr__(self, "encoding", encoding)
        object.__setattr__(self, "given", rest.given)
        object.__setattr__(self, "inner", None if rest.space is None else Feasible(rest.space))
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "base", base)
        object.__setattr__(self, "lines", tuple(lines))

    def whole(self, inner: Rows) -> Rows:
        """Rows [n, d] of rows [n, w] of what is left to be chosen."""
        if not self.fixed:
            return inner
        rows = np.tile(self.base, (len(inner), 1))
        for place, (column, line) in enumerate(zip(self.columns, self.lines, strict=True)):
            rows[:, column] = line.forth(inner[:, place])
        return self.encoding.settled(rows)

    def part(self, rows: Rows) -> Rows:
        """Rows [n, w] of what is left to be chosen, nearest to rows [n, d]; maybe with wrong sums."""
        if not self.fixed or self.inner is None:
            return rows[:, list(self.columns)]
        found = np.empty((len(rows), len(self.columns)))
        for place, (column, line) in enumerate(zip(self.columns, self.lines, strict=True)):
            found[:, place] = line.back(rows[:, column])
        return self.inner.encoding.snap(found)

    def points(self, rows: Rows) -> list[dict[str, ParameterValue]]:
        """The legal points of n rows [n, d] of this region, with the very values that are fixed."""
        decoded = self.encoding.decode(rows)
        return [{name: self.given.get(name, value) for name, value in point.items()} for point in decoded]

    def brought_in(self, rows: Rows) -> Rows:
        """Legal rows [k, d], k >= 1, where rows [n, d] of legal points of the whole space would be in this region."""
        if not self.fixed:
            return rows
        if self.inner is None:
            return self.base[None]
        inner = self.part(rows)
        inner = inner[self.inner.legal(inner)]
        return self.whole(inner) if len(inner) else self.first()

    def draw(self, uniforms: Rows, seeds: Sequence[Seed], sharpness: Column | None = None) -> Rows:
        """Rows [n, d] spread as ``uniforms`` [n, d] over [0, 1)^d; see ``Feasible.draw``.

        Raises InvalidArgument where there are none.
        """
        if self.inner is None:
            return np.tile(self.base, (len(uniforms), 1))
        return self._found(self.inner.draw(uniforms[:, list(self.columns)], seeds, sharpness), len(uniforms))

    def first(self) -> Rows:
        """The row [1, d] to begin with; see ``Feasible.first``. Raises InvalidArgument where there is none."""
        return self.base[None] if self.inner is None else self._found(self.inner.first(), 1)

    def check(self) -> None:
        """Raises InvalidArgument (field empty) where there is no row."""
        self.first()

    def every(self) -> Rows | None:
        """Rows [n, d] of all points, where they are finite and few; None for others. See ``Feasible.every``."""
        if self.inner is None:
            return self.base[None]
        rows = self.inner.every()
        return None if rows is None else self.whole(rows)

    def _found(self, rows: Rows, count: int) -> Rows:
        if len(rows) < count:
            raise InvalidArgument("", NO_POINT)
        return self.whole(rows)
