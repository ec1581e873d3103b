"""How ``gp_speed`` talks with a player in a process of its own: a line of JSON each way. Standard library alone.

    {"study": 30, "points": [[...], ...], "values": [...], "seed": 1}    {}
    {"study": 30, "point": [...], "value": 0.5}                          {"seconds": 0.03, "processor": 0.02}

The first opens a study with measured points of the unit cube; the second tells one more and asks for a suggestion,
which is dropped. Answers: seconds of the suggestion alone, and of the processor's time.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Protocol


class Player(Protocol):
    """One study of six floats between 0 and 1, x0 to x5, whose value is to be minimized."""

    def tell(self, point: Sequence[float], value: float) -> None:
        """One more measurement."""
        ...

    def ask(self) -> object:
        """A suggestion; what is returned goes to ``drop``."""
        ...

    def drop(self, asked: object) -> None:
        """Nobody tries it."""
        ...


def named(point: Sequence[float]) -> dict[str, float]:
    """The parameters by their names."""
    return {f"x{index}": number for index, number in enumerate(point)}


def timed(player: Player) -> dict[str, float]:
    """Asks for one suggestion and drops it: seconds, and seconds of the processor."""
    begun, worked = time.perf_counter(), time.process_time()
    asked = player.ask()
    found = {"seconds": time.perf_counter() - begun, "processor": time.process_time() - worked}
    player.drop(asked)
    return found


def serve(start: Callable[[int], Player]) -> None:
    """Answers until the lines end. ``start``: a player for a seed."""
    warnings.simplefilter("ignore")
    players: dict[int, Player] = {}
    for text in sys.stdin:
        line = json.loads(text)
        answer: dict[str, float] = {}
        if "points" in line:
            player = players[line["study"]] = start(line["seed"])
            for point, value in zip(line["points"], line["values"], strict=True):
                player.tell(point, value)
        else:
            player = players[line["study"]]
            player.tell(line["point"], line["value"])
            answer = timed(player)
        print(json.dumps(answer), flush=True)
