"""One line an event: readable text, or JSON for machines.

An event is a short constant message with fields in ``extra``; no field holds
parameters, measurements or secrets.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from trimtab_service.config import Config

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class TextFormatter(logging.Formatter):
    """2026-01-31T12:00:00.000Z INFO serving address=0.0.0.0:50051."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback follows it where there is one."""
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """{"time": ..., "level": ..., "event": ..., and the fields}."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object on one line, the traceback inside it."""
        entry = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()}
        entry.update(_fields(record))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def configure(config: Config) -> None:
    """Sends every event of the process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if config.log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("trimtab_service").setLevel(config.log_level.upper())
