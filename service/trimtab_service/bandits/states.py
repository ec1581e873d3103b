"""What can be done with the state of any bandit: written down, read back, and given more arms.

A state is a frozen dataclass of arrays, numbers, None, and such dataclasses.
What it means is its bandit's business and stays out.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

State = TypeVar("State")

_HEAD = struct.Struct(">BB")  # length of the type's name, dimensions

LAYOUT = 1
"""Counts the changes of what states are made of: a state of another layout is not read back."""


def packed(state: Any) -> bytes:
    """Everything in a state, exactly: of each array its type, its shape and its content, one after the other."""
    pieces: list[bytes] = []
    for leaf in leaves(state):
        array = np.asarray(leaf)
        kind = array.dtype.str.encode()
        pieces += (_HEAD.pack(len(kind), array.ndim), kind, struct.pack(f">{array.ndim}Q", *array.shape))
        pieces.append(array.tobytes())
    return b"".join(pieces)


def unpacked(template: State, content: bytes) -> State:
    """Inverse of ``packed``; ``template`` is any state of the same bandit and study.

    Raises ValueError for other bytes.
    """
    place = 0

    def read(leaf: Any) -> Any:
        nonlocal place
        try:
            array, place = _read(content, place)
        except (struct.error, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"this is not a state: {error}") from None
        if isinstance(leaf, np.ndarray):
            if array.ndim != leaf.ndim or array.dtype != leaf.dtype:
                raise ValueError("these are not the arrays of this state")
            return array
        if array.ndim:
            raise ValueError("an array where this state has a number")
        return type(leaf)(array.item())

    state: State = _mapped(template, read)
    if place != len(content):
        raise ValueError("there is more in it than in this state")
    return state


def _read(content: bytes, place: int) -> tuple[NDArray[Any], int]:
    """The array at a place, and the place behind it."""
    length, dimensions = _HEAD.unpack_from(content, place)
    place += _HEAD.size
    kind = np.dtype(content[place : place + length].decode())
    place += length
    shape = struct.unpack_from(f">{dimensions}Q", content, place)
    place += 8 * dimensions
    count = math.prod(shape)
    array = np.frombuffer(content, kind, count, place).reshape(shape).copy()
    array.setflags(write=False)
    return array, place + count * kind.itemsize


def extended(state: State, template: State) -> State:
    """The state with as many arms as ``template``, the new ones as they are there."""

    def extend(leaf: Any, other: Any) -> Any:
        if not isinstance(leaf, np.ndarray) or leaf.shape == other.shape:
            return leaf
        # Of a growing history the state may have more than the template.
        shape = tuple(max(ours, theirs) for ours, theirs in zip(leaf.shape, other.shape, strict=True))
        array = np.zeros(shape, leaf.dtype)
        array[tuple(slice(size) for size in other.shape)] = other
        array[tuple(slice(size) for size in leaf.shape)] = leaf
        array.setflags(write=False)
        return array

    others = iter(list(leaves(template)))
    larger: State = _mapped(state, lambda leaf: extend(leaf, next(others)))
    return larger


def leaves(state: Any) -> Iterator[NDArray[Any] | float | int]:
    """Every array and number in a state, in the order of the fields."""
    if is_dataclass(state) and not isinstance(state, type):
        for field in fields(state):
            yield from leaves(getattr(state, field.name))
    elif state is not None:
        yield state


def _mapped(state: Any, change: Any) -> Any:
    if is_dataclass(state) and not isinstance(state, type):
        return replace(state, **{field.name: _mapped(getattr(state, field.name), change) for field in fields(state)})
    return None if state is None else change(state)
