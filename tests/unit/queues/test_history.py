"""The history on a disk that takes only a part of a line."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queues import history
from queues.history import CLAIMED, KILLED, RECOVERED, Event, History

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def append(entry: Path, event: Event) -> None:
    past = History(entry)
    try:
        past.append(event)
    finally:
        past.close()


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """A directory with a history of nothing."""
    (tmp_path / history.FILE).touch()
    return tmp_path


def words(entry: Path) -> list[str]:
    return [event.event for event in history.read(entry)]


@pytest.mark.parametrize("torn", [b'{"at": "2026-01-01T00:00:00Z", "ev', b"\0\0\0", b"\xff"])
def test_a_torn_line_takes_no_other_with_it(entry: Path, torn: bytes) -> None:
    append(entry, Event(NOW, "first"))
    with open(entry / history.FILE, "ab") as file:
        file.write(torn)
    append(entry, Event(NOW, "second"))
    append(entry, Event(NOW, "third"))

    assert words(entry) == ["first", "second", "third"]


def test_a_line_that_lacks_only_its_newline_counts(entry: Path) -> None:
    (entry / history.FILE).write_bytes(Event(NOW, "first").line().rstrip())
    append(entry, Event(NOW, "second"))

    assert words(entry) == ["first", "second"]


def test_short_writes_make_whole_lines(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr("queues.atomic.os.write", lambda descriptor, data: write(descriptor, data[:3]))
    append(entry, Event(NOW, "first", {"reason": "long enough"}))

    assert words(entry) == ["first"]


def test_a_disk_that_fills_up_within_a_line(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, room = os.write, 10

    def until_full(descriptor: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, data[:room])
        room -= written
        return written

    with monkeypatch.context() as full:
        full.setattr("queues.atomic.os.write", until_full)
        with pytest.raises(OSError, match="No space"):
            append(entry, Event(NOW, "lost"))
    append(entry, Event(NOW, "kept"))

    assert words(entry) == ["kept"]


def test_after_a_disk_that_was_full_the_same_hand_begins_a_new_line(
    entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def a_part(descriptor: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:20])

    past = History(entry)
    with monkeypatch.context() as full:
        full.setattr("queues.atomic.os.write", a_part)
        with pytest.raises(OSError, match="No space"):
            past.append(Event(NOW, "lost"))
    past.append(Event(NOW, "kept"))
    past.close()

    assert words(entry) == ["kept"]


@pytest.mark.parametrize(
    ("events", "count"),
    [
        ([], 0),
        (["received", CLAIMED], 0),  # given back without a word: the disk was full
        ([CLAIMED, RECOVERED], 1),
        ([CLAIMED, "building", RECOVERED, CLAIMED, "building", RECOVERED], 2),
        ([CLAIMED, RECOVERED, RECOVERED], 1),  # the recovery died, too
        ([CLAIMED, RECOVERED, CLAIMED, "given back"], 0),
        ([CLAIMED, KILLED, "deferred", CLAIMED, RECOVERED, CLAIMED, KILLED, "deferred"], 3),
        ([CLAIMED, KILLED, RECOVERED], 1),  # and then its builder died
        ([CLAIMED, RECOVERED, CLAIMED, "deferred", CLAIMED, RECOVERED], 1),
    ],
)
def test_deaths(events: list[str], count: int) -> None:
    assert history.deaths(Event(NOW, event) for event in events) == count


def test_who_dies_in_the_gate_says_nothing_about_an_upload() -> None:
    asked = [Event(NOW, CLAIMED, {"from": "waiting"}), Event(NOW, RECOVERED)]
    assert history.deaths(asked * 3) == 0


def test_origin() -> None:
    events = [Event(NOW, CLAIMED, {"from": "waiting"}), Event(NOW, "building")]
    assert history.origin(events) == "waiting"
    assert history.origin(events[1:]) == "ready"
