"""What is not ours in a queue's rooms: left alone or put into `corrupt`, untouched and never followed."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from queues import envelope, locks, papers
from queues.entry import FILES
from queues.layout import Spool
from queues.names import EntryName
from queues.recovery import due, recover
from queues.rooms import Room
from tests.support.entries import claimed, put_upload, spool_at, upload


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return spool_at(tmp_path)


@pytest.fixture
def broken(spool: Spool) -> EntryName:
    """An entry to be broken, older than a whole one."""
    name = put_upload(spool, upload("pkg", "1"))
    put_upload(spool, upload("pkg", "2"))
    return name


def content() -> dict[str, object]:
    found: dict[str, object] = json.loads(envelope.encode(upload("pkg", "1")))
    return found


BROKEN = {
    "cut short": lambda: envelope.encode(upload("pkg", "1"))[:-40],
    "nothing": lambda: b"",
    "zeros": lambda: bytes(400),
    "a list": lambda: b"[]",
    "a version that never was": lambda: json.dumps(content() | {"format": 0}).encode(),
    "a version that is no number": lambda: json.dumps(content() | {"format": "1"}).encode(),
    "another type": lambda: json.dumps(content() | {"type": "BuildJob"}).encode(),
    "wrong types": lambda: json.dumps(content() | {"files": "many"}).encode(),
    "too deep": lambda: b"[" * 100_000,
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_an_envelope_that_cannot_be_read(spool: Spool, broken: EntryName, text: Callable[[], bytes]) -> None:
    history = spool.review.where(Room.READY, broken) / "history"
    _, end, events = history.read_bytes().partition(b"\n")
    history.write_bytes(text() + end + events)

    assert claimed(spool) == "2"
    assert spool.review.names(Room.CORRUPT) == [broken]
    assert (spool.review.where(Room.CORRUPT, broken) / "history").read_bytes() == text() + end + events


def replace_by_link(path: Path) -> None:
    secret = path.parents[4] / "secret"
    path.rename(secret)
    path.symlink_to(secret)


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("replace", [replace_by_link, replace_by_pipe, replace_by_directory, Path.unlink])
def test_a_history_that_is_no_file(spool: Spool, broken: EntryName, replace: Callable[[Path], None]) -> None:
    replace(spool.review.where(Room.READY, broken) / "history")

    assert claimed(spool) == "2"
    assert spool.review.names(Room.CORRUPT) == [broken]


@pytest.mark.parametrize("room", [Room.READY, Room.ACTIVE])
def test_an_entry_that_is_a_link_or_a_file(spool: Spool, broken: EntryName, room: Room, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    spool.review.where(Room.READY, broken).rename(elsewhere)
    spool.review.where(room, broken).symlink_to(elsewhere)
    file = spool.review.room(room) / f"{1:016d}.file_1~0123456789ab"
    file.write_text("mine")
    before = sorted(path.name for path in elsewhere.iterdir())

    assert recover(spool.review, spool.clock()) == []
    assert claimed(spool) == "2"
    assert claimed(spool) is None
    assert spool.review.contended is False, "nobody has it in hand: a daemon may sleep"
    assert spool.review.where(room, broken).is_symlink()
    assert file.read_text() == "mine"
    assert sorted(path.name for path in elsewhere.iterdir()) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("room", [Room.READY, Room.ACTIVE])
def test_an_entry_of_somebody_else_is_left_alone(spool: Spool, broken: EntryName, room: Room) -> None:
    path = spool.review.where(room, broken)
    spool.review.where(Room.READY, broken).rename(path)
    os.chown(path, 12345, 12345)

    recover(spool.review, spool.clock())
    assert claimed(spool) == "2"
    assert claimed(spool) is None
    assert path.stat().st_uid == 12345
    assert b"claimed" not in (path / "history").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_history_of_somebody_else_is_not_written(spool: Spool, broken: EntryName) -> None:
    os.chown(spool.review.where(Room.READY, broken) / "history", 12345, 12345)

    assert claimed(spool) == "2"
    assert spool.review.names(Room.CORRUPT) == [broken]


def test_an_entry_in_active_with_a_broken_history_does_not_stop_recovery(spool: Spool, broken: EntryName) -> None:
    path = spool.review.where(Room.ACTIVE, broken)
    spool.review.where(Room.READY, broken).rename(path)
    replace_by_link(path / "history")
    (whole,) = spool.review.names(Room.READY)
    spool.review.where(Room.READY, whole).rename(spool.review.where(Room.ACTIVE, whole))

    assert [found.name for found in recover(spool.review, spool.clock())] == [str(whole)]
    assert spool.review.names(Room.ACTIVE) == [broken]


def test_what_is_not_named_like_an_entry_stays(spool: Spool) -> None:
    strangers = ["README", "0000000000000001.no-key", ".hidden", "1.pkg_1~0123456789ab", "x" * 255]
    for room in spool.review.rooms:
        for name in strangers:
            (spool.review.room(room) / name).mkdir()
    name = put_upload(spool, upload("pkg", "1"))

    recover(spool.review, spool.clock())
    assert spool.review.names(Room.READY) == [name]
    assert spool.review.find(name.key) == (Room.READY, name)
    assert claimed(spool) == "1"
    for room in spool.review.rooms:
        assert set(strangers) <= set(os.listdir(spool.review.room(room)))


def test_files_are_not_followed_when_a_done_entry_is_emptied(spool: Spool, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    queue = spool.build("amd64")
    queue.room(Room.DONE).joinpath(f"{1:016d}.pkg_1~0123456789ab_amd64").mkdir()
    queue.room(Room.DONE).joinpath(f"{1:016d}.pkg_1~0123456789ab_amd64", FILES).symlink_to(precious)

    recover(queue, spool.clock())
    assert (precious / "file").read_text() == "mine"


UNREADABLE = {"its directory": (locks, "hold"), "its papers": (papers, "opened")}


@pytest.mark.parametrize("part", UNREADABLE)
def test_an_entry_on_a_bad_block_is_passed_over_until_it_can_be_read(
    spool: Spool, broken: EntryName, part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        fail_on(broken, *UNREADABLE[part], patched)
        assert claimed(spool) == "2"
        assert claimed(spool) is None
        assert recover(spool.review, spool.clock()) == []
    assert caplog.text.count("is left alone") == 1
    assert spool.review.names(Room.READY) == [broken]
    assert claimed(spool) == "1"


@pytest.mark.parametrize("room", [Room.ACTIVE, Room.DEFERRED])
@pytest.mark.parametrize("part", UNREADABLE)
def test_recovery_passes_over_what_is_on_a_bad_block(
    spool: Spool, part: str, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [EntryName(number, upload("pkg", str(number)).key) for number in (1, 2)]
    for name in names:
        spool.master.put(name, upload("pkg", str(name.stamp)), {}, [("deferred", {})], room)
    fail_on(names[0], *UNREADABLE[part], monkeypatch)

    assert [found.name for found in recover(spool.master, spool.clock())] == [str(names[1])]
    assert spool.master.names(room) == [names[0]]
    due_at = due(spool.master, spool.clock())
    assert due_at is None or room is Room.DEFERRED


def fail_on(name: EntryName, module: ModuleType, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a function meet an error of the disk on an entry, and on nothing else."""
    real = getattr(module, function)

    def failing(path: str | Path, *args: object, **options: object) -> object:
        if str(name) in str(path):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *args, **options)

    monkeypatch.setattr(module, function, failing)
