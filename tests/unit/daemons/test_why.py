"""`debmill why` by any name: since when, whom it waits for, binary packages, what has no upload, what was not taken."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from daemons import samples, settings
from daemons.process.presence import Presence
from daemons.receiving.answered import Answered
from daemons.sites import Site
from daemons.steering.choosing import NotThere
from daemons.telling.chapter import Chapter
from daemons.telling.story import tell
from queues import atomic
from queues.rooms import Room
from review.cases import OWNER
from review.desk import Desk
from tests.support.entries import put_upload, upload
from tests.unit.daemons.test_report import publish
from tests.unit.daemons.waiting import DAY, NOON, SUITE, Clock, dispatched, miss, site_at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Site:
    place = tmp_path / "site"
    place.mkdir()
    (place / settings.FILE).write_text(samples.sample({"demo": SUITE}))
    return site_at(place, clock)


def only(site: Site, wanted: str, queue: str) -> Chapter:
    (found,) = [one for one in tell(site, wanted) if one.queue == queue]
    return found


def test_a_case_names_who_may_decide_and_who_has_it(site: Site, clock: Clock) -> None:
    one = upload("pkg", "1.0")
    put_upload(site.spool, one)
    assert only(site, "pkg", "review").notes == ["nobody may decide on uploads to demo: 'debmill reviewer add'"]
    site.people.add_reviewer("rita", "rita@example.org", ("demo",))
    site.people.add_reviewer("otto", "otto@example.org", ("other",))
    assert only(site, "pkg", "review").notes == ["who may decide: rita"]

    clock.now += DAY
    with site.spool.review.claim(one.key) as entry:
        assert entry is not None
        (entry.path / OWNER).write_text("rita\n")
        found = only(site, "pkg", "review")
        assert found.notes == ["rita has it open; it is free again when that terminal is left"]
        assert found.since == clock.now.isoformat(), "since then it is in these hands"


def test_all_of_a_reason_is_told(site: Site, clock: Clock) -> None:
    one = upload("pkg", "1.0")
    put_upload(site.spool, one)
    site.people.add_reviewer("rita", "rita@example.org")
    Desk(site.spool, site.people, {"demo": SUITE}).reject(one.key, "rita", "no licence\nand no watch file", clock())
    assert only(site, "pkg", "review").meaning == "was rejected: by rita: no licence and no watch file"


def test_since_when_is_when_it_began_to_wait_whatever_was_tried_since(site: Site, clock: Clock) -> None:
    one = dispatched(site, "pkg")
    for _ in range(3):
        miss(site, one, "nowhere-dev")
        clock.now += DAY
        with site.spool.build("amd64").claim(one.key + "_amd64", Room.WAITING) as job:  # type: ignore[arg-type]
            assert job is not None
            job.move(site.spool.build("amd64"), event="dep-wait over")
    miss(site, one, "nowhere-dev")
    assert only(site, "pkg", "build/amd64").since == NOON.isoformat()


def test_a_job_says_how_many_are_before_it_and_that_nobody_builds(site: Site) -> None:
    for source in ("one", "two", "three"):
        dispatched(site, source)
    notes = only(site, "three", "build/amd64").notes
    assert notes == ["2 before it", "no build daemon runs: 'debmill status'"]
    with Presence(site.run, "build-1") as presence:
        presence.idle(NOON)
        assert only(site, "three", "build/amd64").notes == ["2 before it"]
        assert only(site, "one", "build/amd64").notes == []


def test_a_binary_package_leads_to_its_source(site: Site) -> None:
    dispatched(site, "egg")
    found, *rest = tell(site, "egg-dev")
    assert (found.title, found.room) == ("egg-dev: a binary package of egg_1.0", "demo")
    assert found.meaning == "would come with egg_1.0, now in master/waiting"
    assert {one.queue for one in rest} == {"master", "build/amd64", "build/i386"}


def test_what_was_published_without_an_upload_is_known(site: Site, tmp_path: Path) -> None:
    publish(site, tmp_path, "1.0", ["amd64"], NOON + DAY)
    for name in site.spool.archive.names(Room.DONE):
        atomic.remove(site.spool.archive.where(Room.DONE, name))
    for wanted in ("tiny", "tiny_1.0"):
        source, binary = tell(site, wanted)
        assert (source.queue, source.room, source.meaning) == ("dists", "demo", "is published, built for amd64")
        assert "no record of its upload is left" in source.notes[0]
        assert (binary.title, binary.meaning) == ("tiny 1.0: a binary package of tiny 1.0", "is published for amd64")
    with pytest.raises(NotThere):
        tell(site, "tiny_2.0")


def test_what_was_published_says_which_version_there_is_now(site: Site, clock: Clock, tmp_path: Path) -> None:
    publish(site, tmp_path, "1.0", ["amd64", "i386"], NOON + DAY)
    assert only(site, "tiny_1.0", "archive").notes == []
    clock.now = NOON + 2 * DAY
    publish(site, tmp_path, "2.0", ["amd64", "i386"], NOON + 2 * DAY)
    assert only(site, "tiny_1.0", "archive").notes == ["demo has tiny 2.0 now"]
    assert only(site, "tiny_2.0", "archive").notes == []


@pytest.mark.parametrize("wanted", ["pkg", "pkg_2.0-1", "pkg_2.0-1_source.changes"])
def test_what_was_not_taken_says_what_the_door_answered(site: Site, clock: Clock, wanted: str) -> None:
    answered, file = Answered(site.run / "status"), "pkg_2.0-1_source.changes"
    answered.keep("ulla", file, f"debmill: waiting for pkg_2.0.orig.tar.xz of {file}\n", clock())
    found = only(site, wanted, "uploading")
    assert (found.room, found.meaning, found.since) == ("ulla", "is not taken yet", NOON.isoformat())
    assert found.notes == [f"waiting for pkg_2.0.orig.tar.xz of {file}"]

    answered.keep("ulla", file, "debmill: REFUSED the key is revoked\n", clock() + timedelta(hours=1))
    found = only(site, wanted, "uploading")
    assert (found.meaning, found.notes) == ("was not taken", ["REFUSED the key is revoked"])
    with pytest.raises(NotThere, match="or a binary package"):
        tell(site, "pkg_2.0-2")
