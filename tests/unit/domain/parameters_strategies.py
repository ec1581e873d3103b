"""Hypothesis strategies for parameters and spaces: every legal one can come up."""

from __future__ import annotations

from hypothesis import strategies as st

from trimtab_service.domain.space import (
    LARGEST_INTEGER,
    Categorical,
    Discrete,
    Float,
    Integer,
    Parameter,
    Scale,
    SearchSpace,
)

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,12}", fullmatch=True)
NUMBERS = st.floats(-1e9, 1e9)
TEXTS = st.text(max_size=8)


@st.composite
def floats(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Float:
    """A continuum, on each of the scales."""
    scale = draw(st.sampled_from(Scale))
    bounds = {
        Scale.LINEAR: NUMBERS,
        Scale.LOG: st.floats(1e-9, 1e9),
        Scale.LOGIT: st.floats(1e-9, 1 - 1e-9),
    }[scale]
    low, high = sorted(draw(st.lists(bounds, min_size=2, max_size=2, unique=True)))
    return Float(draw(names), low, high, scale)


@st.composite
def stepped(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Float:
    """A grid of decimal steps, which may end short of max."""
    digits = draw(st.integers(0, 4))
    low, step, count, rest = (
        draw(st.integers(-1_000, 1_000)),
        draw(st.integers(1, 500)),
        draw(st.integers(1, 40)),
        draw(st.integers(0, 499)),
    )
    unit = 10.0**-digits
    high = low + count * step + min(rest, step - 1)
    return Float(draw(names), round(low * unit, digits), round(high * unit, digits), step=round(step * unit, digits))


@st.composite
def integers(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Integer:
    """Any interval, also one of a single value."""
    scale = draw(st.sampled_from((Scale.LINEAR, Scale.LOG)))
    lowest = -LARGEST_INTEGER if scale is Scale.LINEAR else 1
    bound = st.integers(lowest, LARGEST_INTEGER)
    low, high = sorted((draw(bound), draw(bound)))
    return Integer(draw(names), low, high, scale)


@st.composite
def categoricals(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Categorical:
    """Texts or truth values."""
    texts = st.lists(TEXTS, min_size=1, max_size=5, unique=True)
    choices = draw(texts | st.permutations((True, False)).map(list))
    return Categorical(draw(names), tuple(choices))  # type: ignore[arg-type]


@st.composite
def discretes(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Discrete:
    """All integers, or all floats."""
    whole = st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=6, unique=True)
    real = st.lists(NUMBERS, min_size=1, max_size=6, unique=True)
    return Discrete(draw(names), tuple(sorted(draw(whole | real))))


def parameters(names: st.SearchStrategy[str] = NAMES) -> st.SearchStrategy[Parameter]:
    """A parameter of any kind."""
    return st.one_of(floats(names), stepped(names), integers(names), categoricals(names), discretes(names))


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """Up to four parameters of any kinds."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    return SearchSpace(tuple(draw(parameters(st.just(name))) for name in names))


@st.composite
def values_of(draw: st.DrawFn, parameter: Parameter) -> float | int | str | bool:
    """A legal value of the parameter."""
    match parameter:
        case Float():
            if parameter.cardinality is None:
                return draw(st.floats(parameter.min, parameter.max))
            return parameter.grid_value(draw(st.integers(0, parameter.cardinality - 1)))
        case Integer():
            return draw(st.integers(parameter.min, parameter.max))
        case Categorical():
            return draw(st.sampled_from(tuple(parameter.values())))
        case Discrete():
            return draw(st.sampled_from(tuple(parameter.values())))
