"""How the benchmark talks with a player in a process of its own: a line of JSON each way. Standard library alone.

{"start": {"problem": ..., "algorithm": ..., "seed": 1}}    {"ready": true} or {"unable": "why"}
{"suggest": {context}}                                      {"point": {...}, "seconds": 0.1}
{"learn": {"point": ..., "context": ..., "outcomes": ...}}  {"seconds": 0.1}
{"recommend": {}}                                           {"point": {...} or null}
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

Spec: TypeAlias = Mapping[str, Any]
"""What ``Problem.spec`` gives."""
INITIAL = 5
"""Points before the model is asked, for everybody who has one and lets it be set."""


class Unable(Exception):
    """The player has no way to say this problem; the message tells what is missing."""


class Player(Protocol):
    """Someone who looks for the least value of a problem."""

    def suggest(self, context: Mapping[str, float]) -> Mapping[str, Any]:
        """The next point, with values for the parameters that exist there."""
        ...

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> None:
        """What was measured at the point that was suggested last."""
        ...

    def recommend(self) -> Mapping[str, Any] | None:
        """The point that the player would use from now on; None: it has no opinion beyond the best measurement."""
        ...


def serve(start: Callable[[Spec, str, int], Player]) -> None:
    """Answers until the input ends. What libraries print goes to the standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    player: Player | None = None
    for line in sys.stdin:
        ((verb, said),) = json.loads(line).items()
        begun = time.perf_counter()
        if verb == "start":
            try:
                player = start(said["problem"], said["algorithm"], said["seed"])
                answer: dict[str, Any] = {"ready": True}
            except Unable as reason:
                answer = {"unable": str(reason)}
        elif player is None:
            raise ValueError(f"{verb} before start")
        elif verb == "suggest":
            point = player.suggest(said)
            answer = {"point": {name: plain(value) for name, value in point.items()}}
        elif verb == "learn":
            player.learn(said["point"], said["context"], said["outcomes"])
            answer = {}
        else:
            recommended = player.recommend()
            answer = {"point": recommended and {name: plain(value) for name, value in recommended.items()}}
        answer["seconds"] = time.perf_counter() - begun
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def plain(value: Any) -> float | int | str:
    """The value without NumPy's types."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, str | int | float):
        return value
    raise TypeError(f"{value!r} is no value of a parameter")


def exists(parameter: Spec, point: Mapping[str, Any]) -> bool:
    """Whether a parameter exists beside the values of those before it."""
    when = parameter.get("when")
    return when is None or point.get(when["parameter"]) in when["values"]
