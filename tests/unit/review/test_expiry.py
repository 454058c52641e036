"""Which files in an area have waited for too long."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from queues.layout import Spool
from review.expiry import Patience, expire
from tests.support.entries import spool_at

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PATIENCE = Patience(timedelta(minutes=15), timedelta(hours=2))
CHANGES = "a_1_source.changes"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return spool_at(tmp_path)


def lay(area: Path, **minutes: float) -> None:
    """Lay files whose last octet came so many minutes ago; the .changes names a_1.dsc and a_1.tar.xz."""
    area.mkdir(exist_ok=True)
    for name, age in minutes.items():
        path = area / {"changes": CHANGES, "dsc": "a_1.dsc", "tar": "a_1.tar.xz", "loose": "b_1.dsc"}[name]
        path.write_text(
            "".join(f" {'0' * 64} 1 a_1.{end}\n" for end in ("dsc", "tar.xz")) if name == "changes" else "x"
        )
        os.utime(path, (NOW.timestamp() - 60 * age,) * 2)


@pytest.mark.parametrize(
    ("ages", "left"),
    [
        ({"changes": 14.9, "dsc": 99}, [CHANGES, "a_1.dsc"]),
        ({"changes": 15, "dsc": 99}, []),
        ({"changes": 99, "dsc": 14.9}, [CHANGES, "a_1.dsc"]),
        ({"changes": 99, "dsc": 99, "tar": 99}, [CHANGES, "a_1.dsc", "a_1.tar.xz"]),
        ({"changes": 20, "loose": 119}, ["b_1.dsc"]),
        ({"loose": 120}, []),
        ({"changes": 1, "dsc": 130}, [CHANGES, "a_1.dsc"]),
    ],
    ids=["not yet", "now", "the last file counts", "whole: judged, not expired", "loose", "loose too long", "named"],
)
def test_what_expires(tmp_path: Path, spool: Spool, ages: dict[str, float], left: list[str]) -> None:
    area = tmp_path / "area"
    lay(area, **ages)
    refused = expire(area, "alice", spool, NOW, PATIENCE)
    assert sorted(path.name for path in area.iterdir()) == sorted(left)
    assert bool(refused) == (len(left) < len(ages))
    assert all(one.rule == "expired" for one in refused)


def test_a_missing_file_is_named_with_the_time(tmp_path: Path, spool: Spool) -> None:
    lay(tmp_path / "area", changes=16, tar=16)
    (refused,) = expire(tmp_path / "area", "alice", spool, NOW, PATIENCE)
    assert refused.changes == CHANGES
    assert "a_1.dsc did not come within 15 minutes" in refused.reason


def test_hidden_files_and_links_are_left_alone(tmp_path: Path, spool: Spool) -> None:
    area = tmp_path / "area"
    (area / ".unfinished").mkdir(parents=True)
    (area / "b_1.dsc").symlink_to("/etc/passwd")
    os.utime(area / "b_1.dsc", (1, 1), follow_symlinks=False)
    assert expire(area, "alice", spool, NOW, PATIENCE) == []
    assert len(list(area.iterdir())) == 2
