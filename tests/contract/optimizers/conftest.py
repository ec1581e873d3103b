"""Imports what warns when it is first imported, and not for anything that these tests do."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # linear_operator's import calls torch.jit.script, which torch 2.13 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    import botorch  # noqa: F401
