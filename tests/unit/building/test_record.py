"""The log of a build: its end, for people who see no more of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from daemons.building.builds.record import recording

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_only_the_end_of_a_long_log_is_an_excerpt(tmp_path: Path) -> None:
    with recording(tmp_path / "log", lambda: NOW) as record:
        record.file.write(b"x" * 1_000_000 + b"\n" + b"".join(b"line %d\n" % n for n in range(100)) + b"\xfftail")
        record.file.flush()
        lines = record.excerpt().splitlines()
    assert len(lines) == 40
    assert lines[-2:] == ["line 99", "\N{REPLACEMENT CHARACTER}tail"]


def test_one_endless_line_is_cut(tmp_path: Path) -> None:
    with recording(tmp_path / "log", lambda: NOW) as record:
        record.file.write(b"x" * 1_000_000)
        record.file.flush()
        assert len(record.excerpt()) == 16 << 10
