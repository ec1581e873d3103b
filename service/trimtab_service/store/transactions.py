"""How work runs in a transaction, whatever the engine: begun, retried, its errors renamed.

Connections are in the driver's autocommit mode, and transactions begin and end
with statements of our own, so that both engines behave alike and a read of one
statement costs one statement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from sqlalchemy import Connection, Engine, exc

from trimtab_service.domain.errors import StoreUnavailable, TooMuchContention

Answer = TypeVar("Answer")

MOST_ATTEMPTS = 10
"""How often a transaction is begun before its caller is told. Each time but the
last somebody else got through, so reaching it takes ten others in a row."""


class Transactions:
    """Runs functions of a connection as transactions of one engine."""

    begin_read: ClassVar[str]
    """Begins a transaction that sees one state of the database."""

    begin_write: ClassVar[str]
    """Begins a transaction that writes."""

    passing: ClassVar[frozenset[str]]
    """SQLSTATEs after which the same work may succeed when it is begun anew: a deadlock, say."""

    def __init__(self, engine: Engine, place: str) -> None:
        self.engine = engine
        self._place = place  # what people are told when it doesn't answer

    def look(self, work: Callable[[Connection], Answer]) -> Answer:
        """Runs work of a single statement that reads."""
        return self._run("", work)

    def read(self, work: Callable[[Connection], Answer]) -> Answer:
        """Runs work that reads, all of it from one state of the database."""
        return self._run(self.begin_read, work)

    def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """Runs work that writes; may run it again, after the first attempt left no trace."""
        return self._run(self.begin_write, work)

    def write_or_judge(
        self, work: Callable[[Connection], Answer | None], judge: Callable[[Connection], Answer | None]
    ) -> Answer:
        """Runs work that writes in the hope that nothing is in its way.

        Where a constraint was, or it answers None, nothing of it is kept, and
        ``judge`` looks at what is there: it answers, or raises what the caller
        is told, or answers None to begin anew. So the common case costs no
        look ahead, and no engine's words for a conflict are interpreted.
        """
        for _ in range(MOST_ATTEMPTS):
            try:
                return self.write(_whole(work))
            except (exc.IntegrityError, _Refused):
                answer = self.read(judge)
            if answer is not None:
                return answer
        raise _contended()

    def write_or_retry(self, first: Callable[[Connection], Answer], again: Callable[[Connection], Answer]) -> Answer:
        """Runs ``first``; where a constraint is in its way, ``again`` until none is.

        Each attempt of ``again`` sees what was in the way of the one before.
        """
        work = first
        for _ in range(MOST_ATTEMPTS):
            try:
                return self.write(work)
            except exc.IntegrityError:
                work = again
        raise _contended()

    def _run(self, begin: str, work: Callable[[Connection], Answer]) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._attempt(begin, work)
            except exc.IntegrityError:
                raise
            except _CommitFailed as error:
                raise self._unavailable(error.cause) from error.cause
            except exc.DBAPIError as error:
                if attempt < MOST_ATTEMPTS and getattr(error.orig, "sqlstate", None) in self.passing:
                    continue
                if attempt == 1 and error.connection_invalidated:
                    continue  # it had died in the pool; the server may be back
                if isinstance(error, exc.ProgrammingError | exc.DataError | exc.NotSupportedError):
                    raise  # a fault of ours
                raise self._unavailable(error) from error
            except exc.TimeoutError as error:
                raise StoreUnavailable(f"every connection to {self._place} is in use") from error

    def _unavailable(self, error: exc.DBAPIError) -> StoreUnavailable:
        """Only the driver's words: SQLAlchemy's would show the statement."""
        return StoreUnavailable(f"{self._place} doesn't answer: {' '.join(str(error.orig).split())}")

    def _attempt(self, begin: str, work: Callable[[Connection], Answer]) -> Answer:
        # Leaving the block gives the connection back, which rolls back what is not committed.
        with self.engine.connect() as connection:
            if not begin:
                return work(connection)
            connection.exec_driver_sql(begin)
            answer = work(connection)
            try:
                connection.exec_driver_sql("COMMIT")
            except exc.DBAPIError as error:
                # It may have happened or not: nobody but the caller may try again.
                raise _CommitFailed(error) from error
            return answer


class _Refused(Exception):
    """The work found that it can't go on; rolls back."""


class _CommitFailed(Exception):
    def __init__(self, cause: exc.DBAPIError) -> None:
        super().__init__()
        self.cause = cause


def _whole(work: Callable[[Connection], Answer | None]) -> Callable[[Connection], Answer]:
    def attempt(connection: Connection) -> Answer:
        answer = work(connection)
        if answer is None:
            raise _Refused
        return answer

    return attempt


def _contended() -> TooMuchContention:
    return TooMuchContention("too many callers write to the same place at once; retry")
