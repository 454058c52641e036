"""What waits too long: the report on the command line, cycles of build dependencies, the digest, each told once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive.inclusion import Included
from daemons import account, samples, settings
from daemons.command import command
from daemons.notifier import Notifier
from daemons.reporting.needs import Need, Offer, Offers, bringers, by_package, cycles, who_brings
from daemons.reporting.report import Report, make
from daemons.settings import Settings
from daemons.sites import Site
from queues.names import EntryName, Key, part_key
from queues.rooms import Room
from queues.values import BuildJob, Upload
from tests.support.entries import upload
from tests.unit.archive import packages
from tests.unit.daemons.waiting import DAY, NOON, SUITE, Clock, dispatched, fail, miss, site_at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Site:
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": SUITE}))
    return site_at(tmp_path, clock)


def ids(found: Report) -> list[tuple[str, str, str]]:
    return [(one.what, one.id, one.architecture) for one in found.waiting]


# --- cycles, purely ---------------------------------------------------------------------------------------------------


def need(source: str, missing: str, suite: str = "demo") -> Need:
    return Need(Key(source), source, "1.0", suite, "amd64", missing, NOON)


def offered(*sources: str, version: str = "1.0") -> Offers:
    made = ((one, f"{one}-dev") for one in sources)
    return by_package(Offer(Key(one[0]), one[0], version, "demo", "master/waiting", one) for one in made)


@pytest.mark.parametrize(
    ("needs", "found"),
    [
        ([need("bb", "aa-dev"), need("aa", "bb-dev (>= 1.0)")], [("aa", "bb")]),
        ([need("cc", "aa"), need("aa", "bb, nobody"), need("bb", "cc")], [("aa", "bb", "cc")]),
        ([need("aa", "aa-dev")], [("aa",)]),
        ([need("aa", "bb"), need("bb", "aa"), need("cc", "aa")], [("aa", "bb")]),
        ([need("aa", "bb"), need("bb", "aa"), need("cc", "dd"), need("dd", "cc")], [("aa", "bb"), ("cc", "dd")]),
        ([need("aa", "bb"), need("bb", "cc"), need("cc", "nobody")], []),
        ([need("aa", "bb (>= 2)"), need("bb", "aa")], []),
        ([need("aa", "bb | free"), need("bb", "aa")], []),
        ([need("aa", "bb | cc"), need("bb", "aa"), need("cc", "aa")], [("aa", "bb")]),
        ([need("aa", "conflict with bb"), need("bb", "aa (it cannot be configured)")], []),
        ([need("aa", "bb", suite="next"), need("bb", "aa", suite="next")], []),
        ([], []),
    ],
)
def test_a_cycle_is_who_can_only_be_helped_by_who_waits_for_it(needs: list[Need], found: list[tuple[str, ...]]) -> None:
    sources = ("aa", "bb", "cc", "dd", "free")
    assert [one.keys for one in cycles(needs, offered(*sources))] == found
    assert cycles(needs[::-1], offered(*sources[::-1])) == cycles(needs, offered(*sources))


def test_who_would_bring_what_is_missing_is_said() -> None:
    one = need("pkg", "lib-dev (>= 2), old | older, gone")
    later = offered("lib", version="2.1")
    assert [[offer.id for offer in found] for found in bringers(one, later)] == [["lib_2.1"], [], []]
    assert who_brings(one, later, {("demo", "older"): "old 0.9"}) == (
        "lib-dev (>= 2): would come with lib_2.1, now in master/waiting; "
        "old | older: what old 0.9 has published does not do; gone: nothing here makes it"
    )


# --- over real queues -------------------------------------------------------------------------------------------------


def test_what_waits_is_reported_when_it_is_old_enough_and_says_for_what(site: Site) -> None:
    slow, stuck = dispatched(site, "slow"), dispatched(site, "stuck")
    fail(site, slow, "i386")
    miss(site, stuck, "slow-dev (>= 1.0)")
    site.spool.review.put(EntryName(site.spool.review.stamp(NOON), upload("new", "1.0").key), upload("new", "1.0"), {})
    with site.spool.build("i386").claim(part_key(stuck.key, "i386")) as job:
        assert job is not None
        job.hold("a name is taken")
    assert not make(site, NOON + 2 * DAY, 3)

    found = make(site, NOON + 3 * DAY + timedelta(seconds=1), 3)  # each has a stamp of its own
    reasons = {(one.what, one.id, one.architecture): one.reason for one in found.waiting}
    assert reasons == {
        ("gate", "slow_1.0", ""): "waits for amd64 (build/amd64/ready)",
        ("gate", "stuck_1.0", ""): "waits for amd64 (build/amd64/waiting), i386 (build/i386/hold)",
        ("review", "new_1.0", ""): "",
        ("dep-wait", "stuck_1.0", "amd64"): "slow-dev (>= 1.0): would come with slow_1.0, now in master/waiting",
        ("held", "stuck_1.0", "i386"): "a name is taken",
    }
    assert {one.since for one in found.waiting} == {NOON}


def test_a_dep_wait_that_is_tried_again_and_again_is_as_old_as_its_first(site: Site, clock: Clock) -> None:
    one = dispatched(site, "stuck")
    for _ in range(3):
        miss(site, one, "nowhere-dev")
        with site.spool.build("amd64").claim(part_key(one.key, "amd64"), Room.WAITING) as job:
            assert job is not None
            job.note("dep-wait over", reason="hours have passed")
            job.move(site.spool.build("amd64"))
        clock.now += DAY
    miss(site, one, "nowhere-dev")

    assert ("dep-wait", "stuck_1.0", "amd64") in ids(make(site, NOON + 3 * DAY, 3))


def test_a_withheld_upload_says_why(site: Site) -> None:
    one = dispatched(site, "pkg")
    with site.spool.master.claim(one.key, Room.WAITING) as entry:
        assert entry is not None
        entry.note("withheld", reason="the gate asks for i386")
        entry.move(site.spool.master, Room.HOLD)
    (found,) = make(site, NOON + DAY, 1).waiting
    assert (found.what, found.place, found.reason) == ("gate", "master/hold", "the gate asks for i386")


def test_a_mail_that_nobody_takes_is_reported(site: Site, clock: Clock) -> None:
    one = upload("pkg", "1.0")
    site.tell("accepted", one, clock(), by="rita")
    with site.spool.notices.claim() as entry:
        assert entry is not None
        entry.hold("mail:25: ulla@example.org: 550 no such user")
    (found,) = make(site, NOON + DAY, 1).waiting
    assert (found.what, found.id, found.architecture, found.place) == ("held", "pkg_1.0", "", "notices/hold")
    assert found.reason == "mail:25: ulla@example.org: 550 no such user"


# --- sources without current binaries ---------------------------------------------------------------------------------


def publish(site: Site, tmp_path: Path, version: str, built: Sequence[str], now: datetime) -> Upload:
    """Publish a version of the source `tiny`, which is meant for every architecture, with what was built of it."""
    sources = tmp_path / f"source-{version}"
    sources.mkdir()
    packages.dsc(sources, "tiny", version)
    one = packages.upload(sources, "tiny", version)
    results = []
    for architecture in built:
        folder = tmp_path / f"{architecture}-{version}"
        folder.mkdir()
        packages.deb(folder, "tiny", version, architecture)
        results.append(packages.result(one, architecture, folder))
    assert isinstance(site.repository.include(one, sources, results, now), Included)
    events = [("dispatched", {"architectures": "amd64 i386"}), ("published", {"snapshot": ""})]
    site.spool.archive.put(EntryName(site.spool.archive.stamp(now), one.key), one, {}, events, Room.DONE)
    return one


def test_a_source_without_current_binaries_says_what_became_of_its_build(
    site: Site, clock: Clock, tmp_path: Path
) -> None:
    publish(site, tmp_path, "1.0", ["amd64", "i386"], NOON + DAY)
    clock.now = NOON + 2 * DAY
    assert not make(site, clock.now, 0).lacking

    one = publish(site, tmp_path, "2.0", ["amd64"], clock.now)
    job = BuildJob(one.key, "tiny", "2.0", "i386", "demo", one.files[0], one.files)
    name = EntryName(1, part_key(one.key, "i386"))
    site.spool.build("i386").put(name, job, {}, [("failed", {"reason": "build: Error 1"})], Room.FAILED)
    dispatched(site, "tiny", "3.0")
    dispatched(site, "tiny", "1.5")

    assert not make(site, clock.now + DAY, 2).lacking
    (found,) = make(site, clock.now + 2 * DAY, 2).lacking
    assert (found.source, found.version, found.architecture, found.older) == ("tiny", "2.0", "i386", "1.0")
    assert (found.since, found.reason) == (clock.now, "its build failed for good: build: Error 1")
    assert found.coming == "3.0 in master/waiting"


def test_an_architecture_that_is_new_in_the_suite_was_never_tried(site: Site, tmp_path: Path) -> None:
    one = publish(site, tmp_path, "1.0", ["amd64"], NOON + DAY)
    found = site.spool.archive.where(*(site.spool.archive.find(one.key) or pytest.fail("it is done")))
    (found / "history").write_text((found / "history").read_text().replace(" i386", ""))

    (lacking,) = make(site, NOON + 9 * DAY, 7).lacking
    assert (lacking.architecture, lacking.older) == ("i386", "")
    assert "never tried: demo did not build i386" in lacking.reason


def test_without_a_record_a_gap_is_as_old_as_its_source(site: Site, tmp_path: Path) -> None:
    one = publish(site, tmp_path, "1.0", ["amd64"], NOON + DAY)
    found = site.spool.archive.find(one.key)
    assert found is not None
    site.spool.archive.where(*found).rename(tmp_path / "pruned")

    (lacking,) = make(site, datetime.now(UTC), 0).lacking
    assert lacking.reason == "no record of a build is left"
    assert abs(lacking.since - datetime.now(UTC)) < timedelta(minutes=1)


# --- telling ----------------------------------------------------------------------------------------------------------


def told(site: Site) -> list[Key]:
    return [name.key for room in (Room.READY, Room.DONE) for name in site.spool.notices.names(room)]


def test_two_uploads_that_need_each_other_are_told_of_once(site: Site, clock: Clock) -> None:
    site.people.add_reviewer("rita", "rita@example.org")
    hen, egg = dispatched(site, "hen"), dispatched(site, "egg")
    notifier = Notifier(site)
    miss(site, hen, "egg-dev")
    notifier.idle(clock())
    assert told(site) == []

    miss(site, egg, "hen-dev", "i386")
    for daemon in (notifier, notifier, Notifier(site)):  # a new one remembers nothing
        clock.now += timedelta(minutes=1)
        daemon.idle(clock())
        while daemon.one():
            pass
    assert [key.rpartition("-")[0] for key in told(site) if "_cycle" in key] == [f"{egg.key}_cycle"]
    (mail,) = (site.logs / "mail").glob("*cycle*.eml")
    assert "To: rita@example.org" in mail.read_text()
    assert "egg_1.0 -> hen_1.0 -> egg_1.0" in mail.read_text()
    assert [str(one) for one in make(site, NOON, 7).cycles] == ["egg_1.0 -> hen_1.0 -> egg_1.0"]


def test_a_newer_version_that_would_do_closes_no_cycle(site: Site) -> None:
    hen, egg = dispatched(site, "hen"), dispatched(site, "egg")
    miss(site, hen, "egg-dev")
    miss(site, egg, "hen-dev")
    dispatched(site, "egg", "2.0")  # its jobs do not miss anything
    assert make(site, NOON, 7).cycles == []


def test_the_digest_comes_once_a_day_at_its_time(site: Site, clock: Clock) -> None:
    site.people.add_reviewer("rita", "rita@example.org")
    dispatched(site, "slow")
    notifier = Notifier(site)
    notifier.idle(clock())
    assert told(site) == [], "nothing is old enough"

    clock.now = NOON + 8 * DAY - timedelta(hours=7)
    notifier.idle(clock())
    assert told(site) == [], "it is too early in the day"
    for hour in (0, 1, 2):
        clock.now = NOON + 8 * DAY + timedelta(hours=hour)
        for daemon in (notifier, Notifier(site)):
            daemon.idle(clock())
    assert [key.partition("~")[0] for key in told(site)] == ["digest_20261110"]

    while notifier.one():
        pass
    (mail,) = (site.logs / "mail").glob("*.eml")
    text = mail.read_text()
    assert "To: rita@example.org" in text
    assert "References" not in text
    assert "slow_1.0" in text
    assert "waits for amd64 (build/amd64/ready), i386 (build/i386/ready)" in text


def test_nobody_or_nothing_to_tell_is_no_digest(site: Site, clock: Clock) -> None:
    clock.now = NOON + 8 * DAY
    site.people.add_reviewer("rita", "rita@example.org")
    Notifier(site).idle(clock())
    site.people.remove_reviewer("rita")
    dispatched(site, "slow")
    clock.now += 8 * DAY
    Notifier(site).idle(clock())
    assert told(site) == []


def test_a_digest_can_be_switched_off(tmp_path: Path, clock: Clock) -> None:
    off = Settings(report=settings.Report(digest=""))
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": SUITE}, off))
    site = site_at(tmp_path, clock)
    site.people.add_reviewer("rita", "rita@example.org")
    dispatched(site, "slow")
    Notifier(site).idle(NOON + 8 * DAY)
    assert told(site) == []


# --- the command ------------------------------------------------------------------------------------------------------


def say(site: Site, *words: str) -> str:
    ran = CliRunner().invoke(command, ["--site", str(site.path), *words])
    if ran.exception is not None:
        raise ran.exception
    return ran.output


def test_the_command_prints_tables_or_json(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "give_up_root", lambda: None)  # the site is ours
    assert "nothing waits since more than 7 days" in say(site, "report")
    hen, egg = dispatched(site, "hen"), dispatched(site, "egg")
    miss(site, hen, "egg-dev")
    miss(site, egg, "hen-dev [x]")
    printed = say(site, "report", "--days", "0")
    assert "egg-dev: would come with egg_1.0, now in master/waiting" in printed
    found = json.loads(say(site, "report", "--days", "0", "--suite", "demo", "--json"))
    assert {one["what"] for one in found["waiting"]} == {"gate", "dep-wait"}
    with pytest.raises(settings.WrongSettings, match="no suite 'dmeo'"):
        say(site, "report", "--suite", "dmeo")
