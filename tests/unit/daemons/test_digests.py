from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from archive import pool
from daemons.receiving import digests
from daemons.receiving.digests import Digests


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a").write_bytes(b"whole")
    return tmp_path / "a"


def test_a_known_digest_is_given_under_every_name_of_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Digests()
    known.note(file, "known")
    (file.parent / "b").hardlink_to(file)
    monkeypatch.setattr(pool, "digest", None)
    assert known(file.parent / "b") == "known"


def test_what_is_unknown_or_came_out_of_order_or_was_changed_is_read(file: Path) -> None:
    known, read = Digests(), hashlib.sha256(b"whole").hexdigest()
    assert known(file) == read
    known.note(file, "known")
    known.note(file, None)
    assert known(file) == read
    known.note(file, "known")
    file.write_bytes(b"changed")
    assert known(file) == hashlib.sha256(b"changed").hexdigest()


def test_the_oldest_are_forgotten(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MOST", 1)
    known, other = Digests(), file.with_name("b")
    other.write_bytes(b"other")
    known.note(file, "known")
    known.note(other, "known")
    assert known(other) == "known"
    assert known(file) == hashlib.sha256(b"whole").hexdigest()
