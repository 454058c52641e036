"""Bases made from this machine's mirror: whole or not there, found again, and removed to the last file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemons.building.bases import base
from daemons.building.bases.unpacking import UnpackingFailed
from daemons.building.environment import Limits
from daemons.building.roots.overlay import Overlay
from tests.support.account import room, unprivileged

pytestmark = pytest.mark.integration


@pytest.fixture
def cache() -> Iterator[Path]:
    with room() as path:
        yield path


@unprivileged
def test_a_base_is_made_used_found_again_and_removed(cache: Path) -> None:
    lines: list[str] = []
    made = base.create(cache, "bookworm", "amd64", lines.append)
    assert lines
    assert made.path == cache / f"bookworm-amd64-{made.digest}"
    assert base.find(cache, "bookworm", "amd64") == made == base.at(made.path)
    assert base.find(cache, "bookworm", "i386") is None
    with Overlay(made) as environment:
        log = io.BytesIO()
        environment.run(["sh", "-c", "dpkg --print-architecture; ls /dev"], log=log, limits=Limits(seconds=60))
    assert log.getvalue().startswith(b"amd64\n")
    assert list((made.path / "root/dev").iterdir()) == []
    base.remove(made)
    assert base.listing(cache) == []
    assert [path.name for path in cache.iterdir()] == [".making"]
    assert list((cache / ".making").iterdir()) == []


@unprivileged
def test_a_base_that_cannot_be_made_leaves_what_there_was(cache: Path) -> None:
    old = cache / "nosuch-amd64-0123456789ab"
    (old / "root").mkdir(parents=True)
    with pytest.raises(UnpackingFailed, match="nosuch"):
        base.create(cache, "nosuch", "amd64", lambda _: None)
    assert base.find(cache, "nosuch", "amd64") == base.at(old)
    assert list((cache / ".making").iterdir()) == []
