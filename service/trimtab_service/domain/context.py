"""Contexts as plain numbers, which is how decisions carry them and bandits see them.

A number stands for itself, a truth value or text for its place among the
declared values.
"""

from __future__ import annotations

from collections.abc import Sequence

from trimtab_service.domain.space import Categorical, Integer, Parameter, Parameters, ParameterValue


def coded(declared: Sequence[Parameter], values: Parameters) -> tuple[float, ...]:
    """One number for each of ``declared``; ``values`` are legal ones."""
    return tuple(_coded(parameter, values[parameter.name]) for parameter in declared)


def _coded(parameter: Parameter, value: ParameterValue) -> float:
    if isinstance(parameter, Categorical):
        return float(parameter.choices.index(value))
    return float(value)


def decoded(declared: Sequence[Parameter], numbers: Sequence[float]) -> dict[str, ParameterValue]:
    """Inverse of ``coded``."""
    return {parameter.name: _decoded(parameter, number) for parameter, number in zip(declared, numbers, strict=True)}


def _decoded(parameter: Parameter, number: float) -> ParameterValue:
    if isinstance(parameter, Categorical):
        return parameter.choices[int(number)]
    if isinstance(parameter, Integer):
        return int(number)
    return parameter.check(number)
