"""``trimtab serve``: becomes the server's process.

The client never imports the service: it is another program, with other needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NoReturn

from trimtab.cli.output import UsageError

# Both programs come in one distribution; what the service needs besides comes
# with the extra. These stand for all of it.
NEEDED = ("trimtab_service", "alembic", "botorch", "grpc_health", "prometheus_client", "sqlalchemy")


def become_server(flags: Sequence[str]) -> NoReturn:
    """Replaces this process by the server; UsageError where it isn't installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the server isn't installed here ({', '.join(missing)} missing): pip install 'trimtab[service]'"
        )
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "trimtab_service", *flags])
