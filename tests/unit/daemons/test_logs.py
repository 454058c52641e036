"""The daemons' log: one JSON object a line, and a transition's fields in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemons.logs import to_stderr
from queues.rooms import Room
from tests.support.entries import put_upload, spool_at, upload


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a daemon would say, while it logs."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    to_stderr(verbose=True)
    yield said
    root.handlers = handlers
    root.setLevel(level)


def lines(said: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_every_transition_is_one_line_of_the_log_and_of_the_journal(tmp_path: Path, logged: io.StringIO) -> None:
    spool = spool_at(tmp_path)
    name = put_upload(spool, upload("pkg", "1.0"))
    with spool.review.claim() as entry:
        assert entry is not None
        entry.note("looked at", by="rita")
        entry.move(spool.master, Room.WAITING, event="accepted", by="rita")

    transitions = [("received", "review/ready"), ("claimed", "review/active"), ("accepted", "master/waiting")]
    assert [(line["action"], line["to"]) for line in lines(logged)] == transitions
    assert all(line["entry"] == str(name) and float(str(line["duration"])) >= 0 for line in lines(logged))
    accepted = lines(logged)[-1]
    assert (accepted["from"], accepted["facts"], accepted["level"]) == ("review/active", {"by": "rita"}, "info")
    journal = [json.loads(line) for line in (tmp_path / "logs/journal.jsonl").read_text().splitlines()]
    assert [line["action"] for line in journal] == ["received", "claimed", "looked at", "accepted"]


def test_an_error_is_one_line_with_its_traceback(logged: io.StringIO) -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logging.getLogger("mill").exception("it\nbroke")

    (line,) = lines(logged)
    assert (line["level"], line["logger"], line["message"]) == ("error", "mill", "it\nbroke")
    assert "ZeroDivisionError" in str(line["traceback"])
