"""`debmill why`: what an entry waits for, who or what caused it, and what one can do."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from daemons import account, samples, settings
from daemons.command import command
from daemons.sites import Site
from daemons.steering.operating import HELD
from daemons.telling.chapter import Chapter
from daemons.telling.meaning import TABLE, meaning
from daemons.telling.story import tell
from queues.history import Event
from queues.layout import ROOMS
from queues.names import Key, part_key
from queues.outcomes import Later
from queues.rooms import Room
from queues.values import Suite, Upload
from tests.support.entries import put_upload, upload
from tests.unit.daemons.waiting import NOON, Clock, dispatched, fail, miss, site_at

KEY = Key("pkg_1.0~0123456789ab_amd64")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo", architectures=("amd64", "i386"))}))
    return site_at(tmp_path, Clock())


def chapter(site: Site, wanted: str, queue: str) -> Chapter:
    return next(one for one in tell(site, wanted) if one.queue == queue)


def test_a_gate_names_the_architectures_it_waits_for_and_where_they_are(site: Site) -> None:
    one = dispatched(site, "pkg")
    fail(site, one, "i386")
    assert chapter(site, "pkg", "master").meaning == "waits at its gate for amd64 (build/amd64/ready)"
    fail(site, one, "amd64")
    assert "every result is there" in chapter(site, "pkg", "master").meaning


def test_a_dep_wait_names_what_is_missing_who_would_bring_it_and_a_cycle(site: Site) -> None:
    hen = dispatched(site, "hen")
    miss(site, hen, "egg-dev (>= 1.0), feed")
    found = chapter(site, "hen", "build/amd64")
    assert found.meaning == "waits for build dependencies that cannot be had: egg-dev (>= 1.0), feed"
    assert found.notes == ["egg-dev (>= 1.0): nothing here makes it; feed: nothing here makes it"]

    miss(site, dispatched(site, "egg"), "hen-dev")
    assert chapter(site, "hen", "build/amd64").notes == [
        "egg-dev (>= 1.0): would come with egg_1.0, now in master/waiting; feed: nothing here makes it",
        "a cycle, which only a person can break: egg_1.0 -> hen_1.0 -> egg_1.0",
    ]


def test_a_failed_job_says_in_which_phase_and_what_to_do(site: Site) -> None:
    one = dispatched(site, "pkg")
    fail(site, one, "amd64")
    found = chapter(site, "pkg", "build/amd64")
    assert found.meaning == "failed for good: build: Error 1"
    assert f"debmill log {one.key} --arch amd64" in found.remedy
    assert f"debmill queue give-back {one.key} --arch amd64" in found.remedy


def test_a_deferred_job_says_until_when_and_why(site: Site) -> None:
    one = dispatched(site, "pkg")
    with site.spool.build("amd64").claim(part_key(one.key, "amd64")) as job:
        assert job is not None
        job.settle(Later("the mirror is away", NOON))
    said = chapter(site, "pkg", "build/amd64").meaning
    assert (
        said == "is tried again at 2026-11-02 12:00:00 UTC: the machine failed it, not the package: the mirror is away"
    )


def test_a_held_entry_says_who_held_it_or_which_error() -> None:
    def held(**facts: str) -> str:
        return meaning("build/amd64", Room.HOLD, KEY, [Event(NOON, HELD, facts)]).state

    assert held(by="otto", reason="power cut") == "is held for a person to look at: by otto: power cut"
    error = held(reason="an error", traceback="Traceback\n  file\nValueError: 7\n")
    assert error == "is held for a person to look at: an error: ValueError: 7"


@pytest.mark.parametrize("room", [Room.REJECTED, Room.FAILED, Room.HOLD])
def test_the_last_cause_counts(room: Room) -> None:
    events = {
        Room.REJECTED: ("review", [("rejected", {"by": "rita", "reason": "no licence"})], "by rita: no licence"),
        Room.FAILED: ("master", [("superseded", {"by": "pkg_2.0~0"})], "superseded: by pkg_2.0~0"),
        Room.HOLD: ("master", [("held", {}), ("withheld", {"reason": "i386 failed"})], "by its gate: i386 failed"),
    }
    queue, happened, words = events[room]
    found = meaning(queue, room, KEY, [Event(NOON, name, facts) for name, facts in happened])
    assert found.state.endswith(words)


def test_every_room_of_the_road_means_something() -> None:
    for queue, rooms in ROOMS.items():
        for room in {*rooms} - {Room.TMP, Room.CORRUPT}:
            assert queue == "notices" or (queue, room) in TABLE
    assert "spool/build/i386/corrupt" in meaning("build/i386", Room.CORRUPT, KEY, []).remedy


def test_the_story_is_printed_with_states_causes_and_remedies(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "give_up_root", lambda: None)  # the site is ours
    one: Upload = upload("pkg", "1.0")
    put_upload(site.spool, one)
    said = CliRunner().invoke(command, ["--site", str(site.path), "why", "pkg"]).output
    assert "received     by: ulla" in said
    assert "now in review/ready since 2026-11-02 12:00:00 UTC: it waits for a reviewer" in said
    assert f"'debmill review show {one.key}'" in said
