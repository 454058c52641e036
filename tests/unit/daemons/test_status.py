"""`debmill status --watch`: what is shown follows what happens, and ends as the terminal expects."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from daemons import account, samples, settings
from daemons.command import command, status
from daemons.process.presence import Presence
from daemons.telling import watch
from daemons.telling.overview import Overview, look, recent
from queues.journal import Journal, Line
from queues.layout import Spool
from queues.values import Suite
from tests.support.entries import put_upload, spool_at, upload
from tests.unit.daemons.waiting import NOON


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    monkeypatch.setattr(account, "give_up_root", lambda: None)  # the site is ours
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    return spool_at(tmp_path)


def waiting(overview: Overview) -> tuple[int, float | None]:
    return next((one.entries, one.oldest_seconds) for one in overview.queues if one.queue == "review")


def test_an_arrival_is_seen_and_otherwise_only_ages_change(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PERIOD", 1e9)  # nothing but the event
    monkeypatch.setattr(watch, "SHORTEST", 0.0)
    views = watch.overviews(spool)
    assert waiting(next(views)) == (0, None)

    put_upload(spool, upload("pkg", "1.0"))
    entries, age = waiting(next(views))
    assert (entries, age is not None) == (1, True)

    monkeypatch.setattr(watch, "TICK", 0.0)
    monkeypatch.setattr(watch, "look", lambda *_: pytest.fail("nothing arrived: nothing is counted"))
    entries, older = waiting(next(views))
    assert entries == 1
    assert older is not None
    assert age is not None
    assert older > age


def test_a_daemon_that_died_without_a_word_is_seen_at_the_next_tick(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "TICK", 0.0)
    monkeypatch.setattr(watch, "SHORTEST", 0.0)
    with Presence(spool.site / "run", "build-1") as builder:
        builder.working("0.x", spool.clock())
        views = watch.overviews(spool)
        assert [one.state for one in next(views).daemons] == ["working"]
    assert [one.state for one in next(views).daemons] == ["dead"]


def views_of(spool: Spool) -> Iterator[Overview]:
    """What happens: nothing, nothing, an upload, and Ctrl-C."""
    yield look(spool, spool.clock())
    yield look(spool, spool.clock())
    put_upload(spool, upload("pkg", "1.0"))
    yield look(spool, spool.clock())
    raise KeyboardInterrupt


def watched(spool: Spool, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    monkeypatch.setattr(status, "overviews", views_of)
    ran = CliRunner().invoke(command, ["--site", str(spool.site), "status", "--watch", *words])
    assert (ran.exit_code, ran.exception) == (0, None)
    return ran.output.splitlines()


def test_where_no_terminal_is_each_change_is_a_line(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = watched(spool, monkeypatch)
    assert first.endswith("UTC  queues empty")
    assert second.endswith("UTC  review/ready 1")


def test_a_line_names_who_works_and_who_is_in_trouble(spool: Spool) -> None:
    run = spool.site / "run"
    with Presence(run, "build-1") as builder, Presence(run, "master") as master, Presence(run, "notify") as notify:
        builder.working("1793620800000000.pkg_1.0~0123456789ab_amd64", spool.clock())
        master.say("waiting", spool.clock(), detail="the disk is full")
        notify.idle(spool.clock())
        line = status.summary(look(spool, spool.clock()))
    assert line.partition("; ")[2] == "build-1: pkg_1.0~0123456789ab_amd64; master: waiting"


def test_json_is_an_object_a_line(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.loads(line) for line in watched(spool, monkeypatch, "--json")]
    counts = [sum(one["entries"] for one in line["queues"]) for line in lines]
    assert counts == [0, 1]


def test_the_journal_shows_its_last_lines_and_leaves_out_what_is_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert recent(journal.path, 2) == []
    for number in range(400):
        journal.write(Line(NOON, "held", "x", facts={"reason": f"{number} \x1b[2J" + "." * 99}))
        with (tmp_path / "journal").open("a") as file:
            file.write("torn\n}{\n")
    assert [one.facts["reason"].split()[0] for one in recent(journal.path, 2)] == ["398", "399"]
    shown = io.StringIO()
    Console(file=shown, width=200).print(status.journal_table(journal.path))
    assert "reason: 399  [2J..." in shown.getvalue()
    assert "\x1b[2J" not in shown.getvalue()
