"""The memory of requests: what makes a retry of a write safe."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, func, select

from trimtab_service.store import refusals, rows
from trimtab_service.store.base import Request
from trimtab_service.store.connection import Connection
from trimtab_service.store.documents import Document, parsed
from trimtab_service.store.tables import requests
from trimtab_service.store.transactions import Transactions
from trimtab_service.store.words import as_text

FORGOTTEN_AT_ONCE = 5_000
"""Requests forgotten in one transaction, so that no writer waits long for it."""

_SELECT = select(requests.c.method, requests.c.fingerprint, as_text(requests.c.answer)).where(
    requests.c.scope == bindparam("scope"), requests.c.key == bindparam("key")
)
_OLDEST = (
    select(requests.c.create_time).order_by(requests.c.create_time).limit(1).offset(bindparam("most")).scalar_subquery()
)
_OLDER = requests.c.create_time < bindparam("before")
_FORGET = delete(requests).where(_OLDER, requests.c.create_time <= func.coalesce(_OLDEST, bindparam("before")))


def namespace_scope(namespace: str) -> str:
    """Where the requests that make and delete the studies of a namespace are unique."""
    return f"namespaces/{namespace}"


def remember(connection: Connection, scope: str, request: Request | None, answer: Document) -> None:
    """Stores the answer; IntegrityError where there is one already."""
    if request is not None:
        connection.insert((rows.REQUEST, [rows.request_row(scope, request, answer)]))


def recall(connection: Connection, scope: str, request: Request | None) -> Document | None:
    """The answer that this request got before, if it did. Raises RequestIdReused."""
    if request is None:
        return None
    row = connection.first(_SELECT, {"scope": scope, "key": request.key})
    if row is None:
        return None
    method, fingerprint, answer = row
    check_same(request, method, fingerprint)
    return parsed(answer)


def check_same(request: Request, method: str, fingerprint: bytes) -> None:
    """Raises RequestIdReused unless a request of the same key was the same one."""
    if (request.method, request.fingerprint) != (method, fingerprint):
        was = "with another body" if request.method == method else f"for {method}"
        raise refusals.request_reused(request.key, was)


class SqlRequests(Transactions):
    """The part of Store that is about requests as such."""

    def replayed(self, scope: str, request: Request) -> bool:
        """Whether this request was answered before."""
        return self.look(lambda connection: recall(connection, scope, request)) is not None

    def forget_requests(self, before: datetime) -> int:
        """In transactions of some thousands, so that nobody waits long for them."""
        limit = rows.microseconds(before)

        def forget(connection: Connection) -> int:
            return connection.change(_FORGET, {"before": limit, "most": FORGOTTEN_AT_ONCE})

        forgotten = 0
        while (count := self.write(forget)) > 0:
            forgotten += count
        return forgotten
