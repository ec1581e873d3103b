"""``python -m trimtab_service``, which is what ``trimtab serve`` runs.

Imports nothing of the service but its configuration until it is called: the
processes that run optimizers import this module first.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence

from trimtab_service.config import ConfigError, load, silence_grpc, unknown_variables

log = logging.getLogger("trimtab_service")  # whatever this module is called when it runs


def main(arguments: Sequence[str]) -> int:
    """Serves until a signal says stop. Exit codes: 0 stopped, 1 can't work, 2 configured wrongly."""
    silence_grpc()
    # The workers import this module as their own: only the server needs the rest.
    from trimtab_service import logs
    from trimtab_service.app import serve
    from trimtab_service.domain.errors import TrimtabError

    try:
        config = load(arguments)
        logs.configure(config)
        for name in unknown_variables():
            log.warning("unknown environment variable", extra={"variable": name})
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(config))
    except ConfigError as error:
        print(f"trimtab serve: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except TrimtabError as error:
        print(f"trimtab serve: {error.message}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loop where it is installed: it carries about a tenth more calls a second."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
