"""How work runs in a transaction, whatever the engine: begun, retried, its errors renamed.

Connections are in the driver's autocommit mode, and transactions begin and end
with statements of our own, so that both engines behave alike and a read of one
statement costs one statement.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Engine, exc

from trimtab_service.domain.errors import StoreUnavailable, TooMuchContention
from trimtab_service.store.connection import Connection, Statements

Answer = TypeVar("Answer")

MOST_ATTEMPTS = 10
"""How often a transaction is begun before its caller is told. Each time but the
last somebody else got through, so reaching it takes ten others in a row."""


class Transactions(ABC):
    """Runs functions of a connection as transactions of one engine."""

    begin_read: ClassVar[str]
    """Begins a transaction that sees one state of the database."""

    begin_write: ClassVar[str]
    """Begins a transaction that writes."""

    passing: ClassVar[frozenset[str]]
    """SQLSTATEs after which the same work may succeed when it is begun anew: a deadlock, say."""

    connection: ClassVar[type[Connection]]
    """The engine's kind of connection."""

    def __init__(self, engine: Engine, place: str) -> None:
        """``place``: what people are told where it doesn't answer; no password."""
        self.engine = engine
        self._place = place
        self._statements = Statements(engine.dialect)
        self._driver: Any = engine.dialect.loaded_dbapi  # a DB-API module: names the errors

    @abstractmethod
    def has_died(self, driver: Any) -> bool:
        """Whether the connection can't be used any more."""

    def look(self, work: Callable[[Connection], Answer]) -> Answer:
        """Runs work of a single statement that reads."""
        return self._run("", work)

    def read(self, work: Callable[[Connection], Answer]) -> Answer:
        """Runs work that reads, all of it from one state of the database."""
        return self._run(self.begin_read, work)

    def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """Runs work that writes; may run it again, after the first attempt left no trace."""
        return self._run(self.begin_write, work)

    def write_alone(self, work: Callable[[Connection], Answer]) -> Answer:
        """Runs work of one statement that writes; may run it again though the first attempt was committed.

        For work that is told by constraints, or sees, what is there already.
        """
        return self.write(work)

    def write_or_judge(
        self,
        work: Callable[[Connection], Answer | None],
        judge: Callable[[Connection], Answer | None],
        *,
        alone: bool = False,
    ) -> Answer:
        """Runs work that writes in the hope that nothing is in its way.

        Where a constraint was, or it answers None, nothing of it is kept, and
        ``judge`` looks at what is there: it answers, or raises what the caller
        is told, or answers None to begin anew. So the common case costs no
        look ahead, and no engine's words for a conflict are interpreted.

        alone: whether the work is one statement that writes, after others that
        read; see ``write_alone``. What is read isn't held then, so whoever
        comes too late once begins anew in a transaction.
        """
        for attempt in range(MOST_ATTEMPTS):
            begin = self.write_alone if alone and attempt == 0 else self.write
            try:
                return begin(_whole(work))
            except (self._driver.IntegrityError, _Refused):
                answer = self.read(judge)
            if answer is not None:
                return answer
        raise _contended()

    def write_or_retry(self, first: Callable[[Connection], Answer], again: Callable[[Connection], Answer]) -> Answer:
        """Runs ``first``; where a constraint is in its way, or it was Overtaken, ``again`` until neither happens.

        Each attempt of ``again`` sees what was in the way of the one before.
        """
        return self._until_through(self.write, first, again)

    def write_alone_or_retry(
        self, first: Callable[[Connection], Answer], again: Callable[[Connection], Answer]
    ) -> Answer:
        """As ``write_or_retry``; ``first`` is run by ``write_alone``."""
        return self._until_through(self.write_alone, first, again)

    def _until_through(
        self,
        begin: Callable[[Callable[[Connection], Answer]], Answer],
        first: Callable[[Connection], Answer],
        again: Callable[[Connection], Answer],
    ) -> Answer:
        for attempt in range(MOST_ATTEMPTS):
            try:
                return self.write(again) if attempt else begin(first)
            except (self._driver.IntegrityError, Overtaken):
                pass
        raise _contended()

    def _run(self, begin: str, work: Callable[[Connection], Answer]) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._attempt(begin, work)
            except self._driver.IntegrityError:
                raise
            except _Died as died:
                # In the pool, long ago maybe; and the server may be back.
                if attempt > 1:
                    raise self.unavailable(died.cause) from died.cause
            except (self._driver.ProgrammingError, self._driver.DataError, self._driver.NotSupportedError):
                raise  # a fault of ours
            except self._driver.Error as error:
                if attempt == MOST_ATTEMPTS or getattr(error, "sqlstate", None) not in self.passing:
                    raise self.unavailable(error) from error
            except exc.TimeoutError as error:
                raise StoreUnavailable(f"every connection to {self._place} is in use") from error

    def _attempt(self, begin: str, work: Callable[[Connection], Answer]) -> Answer:
        pooled = self.engine.raw_connection()
        driver: Any = pooled.driver_connection
        committing = False
        try:
            if begin:
                driver.execute(begin)
            answer = work(self.connection(driver, self._statements))
            if begin:
                committing = True
                driver.execute("COMMIT")
            return answer
        except self._driver.Error as error:
            died = self.has_died(driver)
            if died:
                pooled.invalidate(error)
                self.engine.dispose()  # the others in the pool died with it
            if committing:
                # It may have happened or not: nobody but the caller may try again.
                raise self.unavailable(error) from error
            if died:
                raise _Died(error) from error
            raise
        finally:
            pooled.close()  # back to the pool, which rolls back what is not committed

    @contextmanager
    def renamed(self) -> Iterator[None]:
        """Renames the errors of what runs on the engine itself."""
        try:
            yield
        except exc.DBAPIError as error:
            if isinstance(error.orig, self._driver.ProgrammingError) or not isinstance(error.orig, Exception):
                raise  # a fault of ours
            raise self.unavailable(error.orig) from error

    def unavailable(self, error: Exception) -> StoreUnavailable:
        """What the driver said, in one line. Drivers don't show passwords."""
        return StoreUnavailable(f"{self._place} doesn't answer: {' '.join(str(error).split())}")


class Overtaken(Exception):
    """The work needs a transaction that began later; rolls back."""


class _Refused(Exception):
    """The work found that it can't go on; rolls back."""


class _Died(Exception):
    """The connection broke before anything was committed."""

    def __init__(self, cause: Exception) -> None:
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
