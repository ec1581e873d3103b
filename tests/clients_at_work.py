"""Clients of the service at work, in threads, through whatever happens to the servers."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable

import trimtab

CLIENTS = 4
PATIENCE = 60.0  # seconds that a client rides out a restart


class Work:
    """Clients that suggest and observe in turn, and remember what was acknowledged."""

    def __init__(self, study: trimtab.Study, metric: str) -> None:
        self.study = study
        self.metric = metric
        self.acknowledged: dict[str, float] = {}
        self.failures: list[BaseException] = []
        self.progress = threading.Condition()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(index,)) for index in range(CLIENTS)]

    def __enter__(self) -> Work:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE)

    def _run(self, index: int) -> None:
        try:
            step = 0
            while not self.stopping.is_set():
                suggestion = self.study.suggest(on_unavailable="raise")
                value = float((index + step) % 2)
                suggestion.observe({self.metric: value})
                step += 1
                with self.progress:
                    self.acknowledged[suggestion.id] = value
                    self.progress.notify_all()
        except BaseException as failure:
            with self.progress:
                self.failures.append(failure)
                self.progress.notify_all()

    def wait_for_more(self, count: int) -> None:
        """Until ``count`` more observations are acknowledged, or a client failed."""
        with self.progress:
            goal = len(self.acknowledged) + count
            done: Callable[[], bool] = lambda: len(self.acknowledged) >= goal or bool(self.failures)  # noqa: E731
            assert self.progress.wait_for(done, PATIENCE), "the clients stopped working"


def decision_of(token: str) -> str:
    """The id of the decision that a token is of, as the log has it."""
    # Behind the study's uid, the time of issue and the step; these studies have no context.
    return base64.urlsafe_b64decode(token.split(".")[2])[32:48].hex()
