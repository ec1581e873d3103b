"""What docs/client.md and the README show runs as it stands, given a server and something to tune."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import grpc
import pytest

import trimtab
import trimtab.testing
from trimtab.cli.definition import read_definition
from trimtab.testing import FakeServer

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "client.md"


def blocks(language: str, page: Path = DOCUMENT) -> list[str]:
    """The code of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_what_is_shown_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One snippet after the other, as somebody would who reads the page from its top."""
    server, secured = FakeServer(), []

    def connected(_target: str, credentials: grpc.ChannelCredentials | None = None, **options: Any) -> trimtab.Client:
        secured.append(credentials is not None)
        return server.client(**options)

    monkeypatch.setattr(trimtab, "Client", connected)
    monkeypatch.chdir(tmp_path)
    for name in ("ca.crt", "client.crt", "client.key"):
        (tmp_path / name).touch()
    names: dict[str, Any] = {"trimtab": trimtab, "apply": lambda **_: None, "print": lambda *_: None}
    for code in blocks("python"):
        exec(compile(code, str(DOCUMENT), "exec"), names)
    studies = {study.id: study for study in server.client(namespace="checkout").studies()}
    assert sorted(studies) == ["cache", "cache-cost", "ranking"]
    assert studies["ranking"].spec.retention is None
    assert secured == [False, True]


def test_the_readme_shows_all_that_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its example runs by itself, against a server that has the study and against one that hasn't."""
    server = FakeServer()
    monkeypatch.setattr(trimtab, "Client", lambda _target: server.client())
    (code,) = blocks("python", ROOT / "README.md")
    for runs in (1, 2):
        exec(compile(code, "README.md", "exec"), {"print": lambda *_: None})
        assert len(list(server.client().study("checkout-cache").trials())) == 30 * runs


def test_every_page_is_in_the_index() -> None:
    """Once, and so are the decisions; each is told what it is about."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert sorted(re.findall(r"^\| \[[^]]+\]\(([\w-]+\.md)\) \| \S", index, re.MULTILINE)) == sorted(pages)
    assert "(decisions/README.md)" in index


def test_no_two_pages_create_the_same_study() -> None:
    """Whoever runs one page after the other meets no study of another definition."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    ids = [
        name
        for page in pages
        for code in blocks("python", page)
        for name in re.findall(r'create_study\(\s*"([^"]+)"', code)
    ]
    assert len(ids) > 20
    assert sorted(set(ids)) == sorted(ids)


def test_the_file_that_is_shown_defines_a_study(tmp_path: Path) -> None:
    """Every key of it is known."""
    (text,) = blocks("yaml")
    file = tmp_path / "study.yaml"
    file.write_text(text)
    study_id, spec = read_definition(str(file))
    assert (study_id, spec.objective) == ("cache", "cost")
    server = FakeServer().client()
    assert server.create_study_from("cache", spec).suggest().parameters == spec.baseline
