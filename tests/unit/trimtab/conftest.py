"""Clients of both flavours, and the studies that they work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from trimtab import Categorical, Discrete, Float, Integer
from trimtab.cli import main
from trimtab.testing import FakeServer
from unit.trimtab.flavours import FLAVOURS, OVER_GRPC, AnyClient, MakeClient
from unit.trimtab.wire import WireServer, serving

PARAMETERS = [
    Float("rate", 1e-3, 1.0, scale="log"),
    Integer("depth", 1, 12),
    Categorical("loss", ["squared", "absolute"]),
    Discrete("leaves", [15, 31, 63]),
]
BASELINE = {"rate": 0.1, "depth": 6, "loss": "squared", "leaves": 31}
DEFINITION: dict[str, Any] = {"parameters": PARAMETERS, "minimize": "rmse", "baseline": BASELINE}


@pytest.fixture
def server() -> FakeServer:
    """A fake server of the test's own."""
    return FakeServer(seed=1)


@pytest.fixture(params=FLAVOURS)
def make_client(request: pytest.FixtureRequest) -> MakeClient:
    """Makes clients of a fake server; once blocking, once for asyncio."""
    return FLAVOURS[request.param]


@pytest.fixture
def client(server: FakeServer, make_client: MakeClient) -> AnyClient:
    """A client of the fake server."""
    return make_client(server)


@pytest.fixture
async def study(client: AnyClient) -> Any:
    """A new study with four parameters and a baseline."""
    return await client.create_study("gbm", **DEFINITION)


@pytest.fixture
def definition() -> dict[str, Any]:
    """The arguments that the study was created with."""
    return dict(DEFINITION)


@pytest.fixture
def wire() -> Iterator[WireServer]:
    """A server on loopback that answers what a fake would."""
    with serving() as server:
        yield server


@pytest.fixture(params=OVER_GRPC)
def connect(request: pytest.FixtureRequest) -> MakeClient:
    """Makes clients that talk gRPC; once blocking, once for asyncio."""
    return OVER_GRPC[request.param]


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests counts."""
    for name in ("TRIMTAB_SERVER", "TRIMTAB_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(wire: WireServer, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command against the server of the test."""

    def running(*arguments: str, server: str = wire.target) -> Done:
        try:
            code = main(["--server", server, *arguments])
        except SystemExit as end:  # argparse's way to end
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return running
