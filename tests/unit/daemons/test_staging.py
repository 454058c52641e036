"""Files on their way into the archive by hand: where they wait, and what a killed command leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemons.command import staging
from queues import locks
from queues.problem import Problem


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "site/archive").mkdir(parents=True)
    return tmp_path / "site/archive"


def test_copies_are_beside_the_archive_and_go(archive: Path, tmp_path: Path) -> None:
    deb = tmp_path / "tiny_1%3a2.0_amd64.deb"
    deb.write_bytes(b"it")
    with staging.staged(archive, {deb.name: deb}) as (copy,):
        assert copy.ref.name == "tiny_2.0_amd64.deb", "apt writes an epoch into the names of what it downloads"
        assert copy.path.read_bytes() == b"it"
        assert copy.path.parents[1] == archive.parent
    assert list(archive.parent.iterdir()) == [archive]


def test_two_names_that_differ_by_an_epoch_only_are_refused(archive: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("tiny_1%3a2.0_amd64.deb", "tiny_2.0_amd64.deb")}
    with (
        pytest.raises(Problem, match=r"it would have the name of tiny_1%3a2\.0_amd64\.deb"),
        staging.staged(archive, files),
    ):
        pass


def test_what_a_killed_command_left_goes_and_what_is_in_use_stays(archive: Path) -> None:
    left, used = archive.parent / ".including-left", archive.parent / ".including-used"
    for path in (left, used):
        path.mkdir()
        (path / "tiny_1.0_amd64.deb").touch()
    with locks.held(used), staging.staged(archive, {}):
        assert used.exists()
        assert not left.exists()
