"""A store whose histories take as long as a test wants."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from typing import Any
from unittest.mock import patch

from trimtab_service.domain.study import StudyName
from trimtab_service.store.base import Request, Snapshot, Store


class SlowReads:
    """Within its block a store stops once, when it first reads the trials of a study. ``after``: the revisions behind
    which these were read.

    error: what it says when it goes on.
    """

    def __init__(self, store: Store, name: StudyName, error: Exception | None = None) -> None:
        self.after: list[int] = []
        self._store = store
        self._name = name
        self._error = error
        self._begun = threading.Event()
        self._go_on = threading.Event()

    def __enter__(self) -> SlowReads:
        original, slow, own = self._store.snapshot, self._pass, self._name

        def snapshot(
            name: StudyName, now: datetime, request: Request | None, *, trials: bool, after: int = 0
        ) -> Snapshot:
            if trials and name == own:
                slow(after)
            return original(name, now, request, trials=trials, after=after)

        self._patch: Any = patch.object(self._store, "snapshot", snapshot)
        self._patch.start()
        return self

    def _pass(self, after: int) -> None:
        self.after.append(after)
        if len(self.after) == 1:
            self._begun.set()
            self._go_on.wait()
            if self._error is not None:
                raise self._error

    async def begun(self) -> None:
        """Returns when it has stopped."""
        await asyncio.to_thread(self._begun.wait)

    def go_on(self) -> None:
        """Lets it go on."""
        self._go_on.set()

    def __exit__(self, *_: object) -> None:
        self._go_on.set()
        self._patch.stop()
