"""An operator's verbs over real queues: hold, release, raise, give back, cancel."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemons import samples, settings
from daemons.builder import OUT, Builder
from daemons.deciding import results, verdicts
from daemons.deciding.asking import PLAN
from daemons.master import Master
from daemons.sites import Site
from daemons.steering import cancelling, jobs, operating
from daemons.steering.cancelling import Cancel
from daemons.steering.choosing import NotThere, Place, choose
from daemons.steering.operating import Refused
from queues import envelope, history
from queues.clock import utc
from queues.layout import Spool
from queues.names import EntryName, part_key
from queues.outcomes import Done
from queues.recovery import recover
from queues.rooms import Room
from queues.values import BuildJob, BuildResult, FileRef, Plan, Suite, Upload
from tests.support.dying import deaths
from tests.support.entries import file_of, put_upload, upload

WHY = Cancel("otto", "not now")
DSC = b"a source"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def site_at(path: Path) -> Site:
    path.mkdir(exist_ok=True)
    suites = {"demo": Suite("demo", architectures=("amd64", "i386"))}
    (path / settings.FILE).write_text(samples.sample(suites))
    site = Site(path)
    site.spool.create(["amd64", "i386"])
    return site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_at(tmp_path)


def dispatched(site: Site, source: str, version: str = "1.0") -> Upload:
    """Put an upload where it waits for two jobs, which are ready."""
    spool, files = site.spool, (FileRef(f"{source}.dsc", len(DSC), hashlib.sha256(DSC).hexdigest()),)
    one = upload(source, version, files=files)
    name = EntryName(spool.master.stamp(utc()), one.key)
    spool.master.put(name, one, {f"{source}.dsc": file_of(spool, DSC)})
    with spool.master.claim(one.key) as entry:
        assert entry is not None
        entry.paper(PLAN, Plan(("amd64", "i386"), "complete", ("amd64", "i386")))
        for architecture in ("amd64", "i386"):
            its = BuildJob(one.key, source, version, architecture, one.suite, files[0], files)
            key = part_key(one.key, architecture)
            linked = {f"{source}.dsc": entry.files / f"{source}.dsc"}
            spool.build(architecture).put(name._replace(key=key), its, linked)
        entry.note("dispatched")
        entry.move(spool.master, Room.WAITING)
    return one


def rooms(site: Site, one: Upload) -> dict[str, str]:
    places = {"master": site.spool.master.find(one.key)}
    for queue in site.spool.builds():
        places[queue.name] = queue.find(part_key(one.key, queue.name.partition("/")[2]))
    return {name: str(found[0]) for name, found in places.items() if found}


def places(site: Site, wanted: str, *which: Room) -> list[Place]:
    return choose(site.spool, wanted, site.spool.builds(), which or jobs.UNFINISHED, "is there")


def end(site: Site, one: Upload, architecture: str, *, built: bool) -> None:
    """End a ready job as a builder does."""
    with site.spool.build(architecture).claim(part_key(one.key, architecture)) as entry:
        assert entry is not None
        result = BuildResult(
            entry.envelope, "built" if built else "failed", "", "build", (), FileRef("log", 1, "0" * 64), NOW, NOW
        )
        if built:
            site.spool.parts.put(entry.name, result, {}, room=Room.PARTS)
            entry.settle(Done())
        else:
            entry.settle(verdicts.fail(site, entry, one, result))


def last(place: Place) -> history.Event:
    return history.read(place.queue.where(place.room, place.name))[-1]


def test_what_waits_is_held_and_released_to_where_it_came_from(site: Site) -> None:
    one = dispatched(site, "pkg")
    held = operating.hold(site.spool, "pkg", "otto", "power cut at noon")

    assert rooms(site, one) == {"master": "hold", "build/amd64": "hold", "build/i386": "hold"}
    assert last(held[0]).facts == {"by": "otto", "reason": "power cut at noon"}
    operating.release(site.spool, "pkg_1.0", "otto")
    assert rooms(site, one) == {"master": "waiting", "build/amd64": "ready", "build/i386": "ready"}


def test_a_name_that_means_nothing_or_too_much_is_explained(site: Site) -> None:
    first, second = dispatched(site, "pkg"), dispatched(site, "pkg", "2.0")
    with pytest.raises(NotThere, match="nothing called 'nopkg'"):
        operating.hold(site.spool, "nopkg", "otto", "why")
    with pytest.raises(NotThere, match="several uploads") as caught:
        operating.hold(site.spool, "pkg", "otto", "why")
    assert str(first.key) in str(caught.value)
    with pytest.raises(NotThere, match=r"nothing of 'pkg_1.0' is held; it is in build/amd64/ready"):
        operating.release(site.spool, "pkg_1.0", "otto")
    assert rooms(site, second)["master"] == "waiting"


def test_a_mail_that_is_held_is_released_by_its_uploads_name(site: Site) -> None:
    one, notices = dispatched(site, "pkg"), site.spool.notices
    site.tell("accepted", one, NOW)
    with notices.claim() as entry:
        assert entry is not None
        entry.hold("no such template")

    (released,) = operating.release(site.spool, "pkg", "otto")
    assert str(released) == "notices/ready"
    assert last(released).facts == {"by": "otto"}


@pytest.mark.parametrize(("verb", "reviewers"), [(operating.release, "release"), (operating.move_up, "accept")])
def test_what_is_the_reviewers_is_told_with_their_verb(
    site: Site, verb: Callable[[Spool, str, str], object], reviewers: str
) -> None:
    put_upload(site.spool, upload("pkg", "1.0"))
    if reviewers == "release":
        with site.spool.review.claim() as entry:
            assert entry is not None
            entry.hold("doubtful")
    with pytest.raises(NotThere, match=f"in review it is 'debmill review {reviewers} pkg'"):
        verb(site.spool, "pkg", "otto")


def test_a_raised_job_is_the_first_of_its_queue(site: Site) -> None:
    for source in ("aaa", "bbb", "ccc"):
        dispatched(site, source)
    for _ in range(2):  # the second time it is the first already
        operating.move_up(site.spool, "ccc", "otto")

    ready = [name.key.partition("_")[0] for name in site.spool.build("amd64").names(Room.READY)]
    assert ready == ["ccc", "aaa", "bbb"]


def test_a_withheld_upload_waits_again_for_what_is_given_back(site: Site) -> None:
    one, master = dispatched(site, "pkg"), Master(site)
    end(site, one, "amd64", built=True)
    end(site, one, "i386", built=False)
    master.idle(utc())
    assert rooms(site, one)["master"] == "hold"
    with pytest.raises(Refused, match="withheld by its gate"):
        operating.release(site.spool, "pkg", "otto")

    (failed,) = places(site, "pkg", Room.FAILED)
    jobs.give_back(site.spool, failed, "otto", "the mirror was broken")
    assert rooms(site, one) == {"master": "waiting", "build/amd64": "done", "build/i386": "ready"}
    master.idle(utc())
    assert rooms(site, one)["master"] == "waiting"

    end(site, one, "i386", built=True)
    master.idle(utc())
    assert site.spool.archive.find(one.key) is not None


def test_a_job_is_given_back_with_options_of_its_own(site: Site) -> None:
    one, queue = dispatched(site, "pkg"), site.spool.build("amd64")
    for wishes in ({"options": "nocheck noopt", "profiles": "nodoc"}, {}, {"options": ""}):
        end(site, one, "amd64", built=False)
        (failed,) = places(site, "pkg", Room.FAILED)
        jobs.give_back(site.spool, failed, "otto", "it hangs in its tests", **wishes)
        with queue.claim() as entry:
            assert entry is not None
            job = jobs.wished(entry.envelope, entry.history)
        expected = ((), ()) if wishes == {"options": ""} else (("nocheck", "noopt"), ("nodoc",))
        assert (job.options, job.profiles) == expected


def test_an_upload_that_is_withheld_again_is_told_again(site: Site) -> None:
    one, master = dispatched(site, "pkg"), Master(site)
    end(site, one, "amd64", built=True)
    end(site, one, "i386", built=False)
    master.idle(utc())
    jobs.give_back(site.spool, places(site, "pkg", Room.FAILED)[0], "otto", "again")
    end(site, one, "i386", built=False)
    master.idle(utc())

    told = {name.key for name in site.spool.notices.names(Room.READY)}
    assert {part_key(one.key, "withheld"), part_key(one.key, "withheld-2")} <= told


def test_a_second_failure_is_told_anew_and_its_result_is_the_one_that_counts(site: Site) -> None:
    one = dispatched(site, "pkg")
    end(site, one, "amd64", built=False)
    (failed,) = places(site, "pkg", Room.FAILED)
    jobs.give_back(site.spool, failed, "otto", "again")
    (ready,) = [place for place in places(site, "pkg") if place.queue.name == "build/amd64"]
    assert jobs.cancel(site, ready, WHY) is Room.FAILED

    (result,) = results.of(site.spool, one.key, ["amd64"]).values()
    assert result.reason == "cancelled by otto: not now"
    told = [name.key for name in site.spool.notices.names(Room.READY)]
    assert told == [part_key(one.key, "failed-amd64"), part_key(one.key, "failed-amd64-2")]


def test_giving_back_may_die_at_any_call(tmp_path: Path) -> None:
    """A failed job always has its result, and no upload is withheld for a job that is built again."""
    sites: list[tuple[Site, Upload]] = []

    def fresh() -> None:
        site = site_at(tmp_path / str(len(sites)))
        one = dispatched(site, "pkg")
        end(site, one, "amd64", built=True)
        end(site, one, "i386", built=False)
        Master(site).idle(utc())
        sites.append((site, one))

    def give_back() -> None:
        site, _ = sites[-1]
        jobs.give_back(site.spool, places(site, "pkg", Room.FAILED)[0], "otto", "again")

    for death in deaths(give_back, fresh=fresh):
        site, one = sites[-1]
        for queue in (site.spool.master, *site.spool.builds()):
            recover(queue, utc())
        Master(site).idle(utc())
        where = rooms(site, one)
        assert (where["master"], where["build/i386"]) in {("hold", "failed"), ("waiting", "ready")}, death
        if where["build/i386"] == "failed":
            give_back()
            assert rooms(site, one)["master"] == "waiting", death


def test_nothing_is_given_back_to_an_upload_that_does_not_wait(site: Site) -> None:
    one, master = dispatched(site, "pkg"), Master(site)
    for architecture in ("amd64", "i386"):
        end(site, one, architecture, built=False)
    master.idle(utc())
    failed = places(site, "pkg", Room.FAILED)[0]

    with pytest.raises(Refused, match="master/failed"):
        jobs.give_back(site.spool, failed, "otto", "again")
    assert rooms(site, one) == {"master": "failed", "build/amd64": "failed", "build/i386": "failed"}


def test_nothing_is_built_again_without_its_source(site: Site) -> None:
    one = dispatched(site, "pkg")
    end(site, one, "amd64", built=False)
    (failed,) = places(site, "pkg", Room.FAILED)
    (failed.queue.where(failed.room, failed.name) / "files/pkg.dsc").unlink()

    with pytest.raises(Refused, match="upload a higher version"):
        jobs.give_back(site.spool, failed, "otto", "again")


def test_the_gate_does_not_act_on_what_it_saw_before_a_job_was_given_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, master = dispatched(site, "pkg"), Master(site)
    end(site, one, "amd64", built=False)
    end(site, one, "i386", built=False)
    look = results.of

    def look_and_be_overtaken(*args: object) -> dict[str, BuildResult]:
        monkeypatch.setattr(results, "of", look)
        found = look(*args)  # type: ignore[arg-type] -- passed on as they came
        jobs.give_back(site.spool, places(site, "pkg", Room.FAILED)[0], "otto", "again")
        return found

    monkeypatch.setattr(results, "of", look_and_be_overtaken)
    master.idle(utc())
    assert rooms(site, one) == {"master": "waiting", "build/amd64": "ready", "build/i386": "failed"}


@pytest.mark.parametrize("room", [Room.READY, Room.WAITING, Room.DEFERRED, Room.HOLD])
def test_a_job_that_nobody_has_in_hand_is_cancelled_at_once(site: Site, room: Room) -> None:
    one = dispatched(site, "pkg")
    for architecture in ("amd64", "i386"):
        queue = site.spool.build(architecture)
        with queue.claim() as entry:
            assert entry is not None
            entry.note("deferred", until="2100-01-01T00:00:00+00:00")
            entry.move(queue, room)
    assert [jobs.cancel(site, place, WHY) for place in places(site, "pkg")] == [Room.FAILED] * 2

    found = results.of(site.spool, one.key, ["amd64", "i386"])
    assert {(result.verdict, result.reason) for result in found.values()} == {("failed", "cancelled by otto: not now")}
    Master(site).idle(utc())
    assert rooms(site, one)["master"] == "failed"


def test_a_job_in_hand_is_cancelled_by_a_paper_that_survives_its_builder(site: Site) -> None:
    one = dispatched(site, "pkg")
    (place, _) = places(site, "pkg")
    with place.queue.claim() as entry:
        assert entry is not None
        asking = threading.Thread(target=jobs.cancel, args=(site, place, WHY))
        asking.start()
        while cancelling.asked(entry.path) is None:
            pass
        entry.move(place.queue)  # given back, as when its daemon was stopped in this moment
    asking.join()
    assert rooms(site, one)["build/amd64"] == "failed"


def test_a_builder_begins_nothing_that_was_cancelled(site: Site) -> None:
    one = dispatched(site, "pkg")
    (place,) = [place for place in places(site, "pkg") if place.queue.name == "build/amd64"]
    cancelling.lay(place.queue.where(place.room, place.name), WHY)
    Builder(site, "1").one()

    assert rooms(site, one)["build/amd64"] == "failed"
    assert results.of(site.spool, one.key, ["amd64"])["amd64"].reason == str(WHY)


def test_what_a_dead_builder_left_in_a_job_goes_with_the_next_claim(site: Site) -> None:
    dispatched(site, "pkg")
    (place,) = [place for place in places(site, "pkg") if place.queue.name == "build/amd64"]
    left = place.queue.where(place.room, place.name) / OUT
    left.mkdir()
    (left / "pkg_1.0_amd64.deb").touch()
    result = BuildResult(place.queue.peek(place.room, place.name), "built", "", "", (), FileRef("l", 1, "0"), NOW, NOW)
    site.spool.parts.put(place.name, result, {}, room=Room.PARTS)
    Builder(site, "1").one()

    assert place.queue.find(place.name.key) == (Room.DONE, place.name)
    assert not (place.queue.where(Room.DONE, place.name) / OUT).exists()


def test_any_file_of_that_name_cancels(tmp_path: Path) -> None:
    (tmp_path / cancelling.CANCEL).write_bytes(b"")
    assert cancelling.asked(tmp_path) == Cancel()
    (tmp_path / cancelling.CANCEL).write_bytes(envelope.encode(WHY))
    assert cancelling.asked(tmp_path) == WHY
