"""The composition root: a fault in the background doesn't go unnoticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from trimtab_service.app import App
from trimtab_service.config import Config
from trimtab_service.following import Following


async def test_a_fault_in_the_background_ends_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than serving on without following the log."""

    async def broken(self: Following) -> None:
        raise ArithmeticError("a fault that was asked for")

    monkeypatch.setattr(Following, "follow", broken)
    config = Config(address="127.0.0.1:0", metrics_address="", database=f"sqlite:///{tmp_path / 't.db'}")
    with pytest.raises(ArithmeticError):
        await asyncio.wait_for(App(config).run(asyncio.Event()), 60)
