"""`debmill queue` and `debmill drain` on the command line, over real queues."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemons import account, samples, settings
from daemons.command import command
from daemons.process.presence import SUPERVISOR, Failing, Presence
from queues.layout import Spool
from queues.problem import Problem
from queues.rooms import Room
from queues.values import Suite
from tests.support.entries import job, put_upload, spool_at, upload


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    monkeypatch.setattr(account, "give_up_root", lambda: None)  # the site is ours
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    spool = spool_at(tmp_path)
    name = put_upload(spool, upload("reviewed", "1.0"))
    for source in ("aaa", "bbb"):
        its = job(source, "1.0", "amd64")
        spool.build("amd64").put(name._replace(key=type(name.key)(f"{its.upload}_amd64")), its, {}, [("queued", {})])
    return spool


def say(spool: Spool, *words: str) -> str:
    ran = CliRunner().invoke(command, ["--site", str(spool.site), *words])
    if ran.exception is not None:
        raise ran.exception
    return ran.output


def test_the_list_shows_places_in_order(spool: Spool) -> None:
    everything = json.loads(say(spool, "queue", "list", "--json"))
    assert [(one["queue"], one["room"], one["source"], one["part"]) for one in everything] == [
        ("review", "ready", "reviewed", ""),
        ("build/amd64", "ready", "aaa", "amd64"),
        ("build/amd64", "ready", "bbb", "amd64"),
    ]
    assert json.loads(say(spool, "queue", "list", "build", "--json")) == everything[1:]
    assert "bbb_1.0~" in say(spool, "queue", "list", "build/amd64")
    assert json.loads(say(spool, "queue", "list", "notices", "--json")) == []
    with pytest.raises(Problem, match="no queue 'built'"):
        say(spool, "queue", "list", "built")


def test_the_verbs_say_what_became_of_it(spool: Spool) -> None:
    assert "is held in build/amd64/hold" in say(spool, "queue", "hold", "aaa", "--as", "otto", "-m", "wait")
    assert "is back in build/amd64/ready" in say(spool, "queue", "release", "aaa")
    assert "is the first in build/amd64/ready" in say(spool, "queue", "raise", "bbb")
    assert "has ended before it could be cancelled" in say(spool, "queue", "cancel", "bbb")  # no upload wants it
    assert [name.key[:3] for name in spool.build("amd64").names(Room.READY)] == ["aaa"]


def test_a_drain_tells_the_supervisor_or_who_is_named(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: told.append((pid, number)))
    run = spool.site / "run"
    with pytest.raises(Problem, match="no daemon that runs"):
        say(spool, "drain")
    with Presence(run, SUPERVISOR) as supervisor, Presence(run, "build-1") as builder:
        supervisor.say("running", spool.clock(), failing=[Failing("build-2", spool.clock(), 3, 1)])
        builder.working("0.aaa", spool.clock())
        say(spool, "drain")
        assert "ends when it has finished aaa" in say(spool, "drain", "build-1")
        assert "gives aaa back" in say(spool, "drain", "build-1", "--now")
        with pytest.raises(Problem, match="build-2: no daemon that runs; there are: build-1, supervisor"):
            say(spool, "drain", "build-2")
        asked = CliRunner().invoke(command, ["--site", str(spool.site), "status", "--json"])
    assert asked.exit_code == 1, "a daemon keeps dying"
    shown = {one["name"]: one["state"] for one in json.loads(asked.output)["daemons"]}
    assert [number for _, number in told] == [signal.SIGTERM, signal.SIGTERM, signal.SIGQUIT]
    assert shown == {"supervisor": "running", "build-1": "working", "build-2": "failing"}
