"""The contract: its style, its promise never to break, and the messages generated from it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
CONTRACT = REPOSITORY / "proto"
BASELINE = CONTRACT / "baseline.binpb"
MESSAGES = REPOSITORY / "clients" / "python" / "trimtab" / "v1"
BUF = Path(sys.executable).parent / "buf"
GENERATOR = REPOSITORY / ".venv-gen" / "bin" / "python"


def run_buf(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What buf says, and its exit code."""
    return subprocess.run([BUF, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the contract, to be changed."""
    return Path(shutil.copytree(CONTRACT, tmp_path / "proto"))


def change(copy: Path, file: str, old: str, new: str) -> None:
    """Replaces a text that occurs once in a file of the copy."""
    path = copy / "trimtab" / "v1" / file
    text = path.read_text()
    assert text.count(old) == 1, f"{file} has {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new))


def test_the_contract_is_in_style() -> None:
    """buf's standard rules, and a comment on everything."""
    assert run_buf("lint", CONTRACT).stdout == ""


def test_a_field_without_a_comment_is_refused(copy: Path) -> None:
    """Every field says its unit and what unset means."""
    change(copy, "trial.proto", "  // Why it failed or was abandoned, as reported.\n", "")
    assert "COMMENT_FIELD" in run_buf("lint", copy, "--error-format", "json").stdout


def test_the_contract_breaks_no_promise() -> None:
    """Whoever was built against the baseline still understands the contract."""
    ran = run_buf("breaking", CONTRACT, "--against", BASELINE)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"),
    [
        ("trial.proto", "  string worker = 8;", "", "FIELD_NO_DELETE"),
        ("trial.proto", "  int64 number = 2;", "  int32 number = 2;", "FIELD_SAME_TYPE"),
        ("trial.proto", "  string worker = 8;", "  string asker = 8;", "FIELD_SAME_NAME"),
        ("trial.proto", "  string worker = 8;", "  string worker = 18;", "FIELD_NO_DELETE"),
        ("trial.proto", "  SOURCE_QUEUE = 2;", "", "ENUM_VALUE_NO_DELETE"),
        (
            "tuning_service.proto",
            "  rpc ExtendLease(ExtendLeaseRequest) returns (ExtendLeaseResponse);",
            "",
            "RPC_NO_DELETE",
        ),
    ],
)
def test_a_breaking_change_is_refused(copy: Path, file: str, old: str, new: str, rule: str) -> None:
    """Deleted, renamed, renumbered or retyped: each by its rule."""
    change(copy, file, old, new)
    ran = run_buf("breaking", copy, "--against", BASELINE, "--error-format", "json")
    assert ran.returncode != 0
    assert rule in ran.stdout


def test_an_addition_is_no_break(copy: Path) -> None:
    """The contract can grow."""
    change(copy, "trial.proto", "  string worker = 8;", "  string worker = 8;\n  // New.\n  string note = 25;")
    assert run_buf("breaking", copy, "--against", BASELINE).returncode == 0


def test_all_of_the_contract_is_in_the_baseline(tmp_path: Path) -> None:
    """What was added counts as promised at once; `make proto` takes it into the image."""
    built = tmp_path / "built.binpb"
    run_buf("build", CONTRACT, "--exclude-source-info", "--output", built).check_returncode()
    assert built.read_bytes() == BASELINE.read_bytes(), "run `make proto`"


def test_the_messages_are_those_of_the_contract(tmp_path: Path) -> None:
    """Generated again, every file is byte for byte the committed one."""
    if not GENERATOR.exists():
        raise FileNotFoundError(f"{GENERATOR}: make it with `make setup`")
    protos = [path.relative_to(CONTRACT) for path in sorted(CONTRACT.rglob("*.proto"))]
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    subprocess.run(
        [GENERATOR, "-m", "grpc_tools.protoc", "--proto_path", ".", *outputs, *protos], cwd=CONTRACT, check=True
    )
    generated = {path.name: path.read_text() for path in (tmp_path / "trimtab" / "v1").iterdir()}
    committed = {path.name: path.read_text() for path in MESSAGES.glob("*_pb2*.py*")}
    assert committed == generated, "run `make proto`"
