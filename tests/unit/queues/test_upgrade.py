"""An upgrade with entries of the previous format in every room, and a downgrade with entries of a newer one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemons.steering import jobs, operating
from daemons.steering.choosing import choose
from queues import envelope
from queues.envelope import Fields, Newer
from queues.names import part_key
from queues.rooms import Room
from queues.values import Upload
from tests.support.entries import claimed, put_upload, spool_at, upload
from tests.support.world import REVIEWER, Build, Sources, World, given_builds

PAPERS = ("plan", "result", "release", "cancel")
OLD = {"version": "edition", "upload": "of", "architectures": "processors", "reason": "why"}


def rewrite(spool: Path, change: Callable[[Fields], Fields]) -> None:
    """Write every envelope and paper of every entry as another debmill would have."""
    for path in (path for name in (*PAPERS, "history") for path in spool.rglob(name)):
        first, end, events = path.read_text().partition("\n")
        path.unlink()
        path.write_text(json.dumps(change(json.loads(first))) + end + events)


def set_apart(spool: Path) -> None:
    """Lay every envelope beside the history, as the first debmill did."""
    for path in spool.rglob("history"):
        first, end, events = path.read_text().partition("\n")
        path.write_text(events)
        path.with_name("envelope").write_text(first + end)


def renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [renamed(one, names) for one in value]
    if isinstance(value, dict):
        return {names.get(name, name): renamed(one, names) for name, one in value.items()}
    return value


def downgraded(fields: Fields) -> Fields:
    return {**renamed(fields, OLD), "format": 0}


def upgraded(fields: Fields) -> Fields:
    return {**renamed(fields, {new: old for old, new in OLD.items()}), "format": 1}


def many(world: World) -> dict[str, Upload]:
    """Put an upload, or its job, into every room where it can wait."""
    names = ("held", "accepted", "withheld", "missing", "odd", "broken", "passed")
    found = {name: world.send("1.0", name) for name in names}
    world.desk().hold(found.pop("held").key, REVIEWER, "hm", world.clock())
    late = found.pop("accepted")
    for one in found.values():
        world.accept(one)
    world.master()
    for name, outcome in (("withheld", "failed"), ("missing", "dep-wait"), ("odd", "suspicious")):
        world.end(found[name], "i386", outcome)
    for name in ("withheld", "passed"):
        world.end(found[name], "amd64", "built")
    world.end(found["passed"], "i386", "built")
    world.master()
    world.accept(late)
    dying = Build(world, part_key(found["broken"].key, "amd64"))
    world.end(found["broken"], "i386", "later")
    dying.kill()
    return {**found, "accepted": late}


@pytest.fixture
def world(tmp_path: Path) -> Any:
    sources = Sources(tmp_path / "sources")
    with given_builds(sources):
        yield World(tmp_path / "site", sources)


@pytest.mark.parametrize("apart", [False, True])
def test_every_room_goes_on_after_an_upgrade(world: World, monkeypatch: pytest.MonkeyPatch, apart: bool) -> None:
    found = many(world)
    rooms = {path.parent.parent.relative_to(world.path / "spool").as_posix() for path in world.path.rglob("history")}
    assert {
        "review/hold", "master/ready", "master/waiting", "master/hold", "build/i386/waiting", "build/i386/deferred",
        "build/i386/hold", "build/i386/failed", "build/amd64/active", "build/amd64/done", "build/amd64/ready",
        "archive/parts", "archive/ready", "notices/ready",
    } <= rooms  # fmt: skip
    rewrite(world.path / "spool", downgraded)
    monkeypatch.setitem(envelope.UPGRADES, 0, upgraded)
    if apart:
        set_apart(world.path / "spool")

    operating.release(world.spool, found["odd"].key, "otto")
    (failed,) = choose(world.spool, found["withheld"].key, world.spool.builds(), (Room.FAILED,), "failed")
    jobs.give_back(world.spool, failed, "otto", "again")
    world.run_until_idle()

    assert {name: world.place(one.key) for name, one in found.items()} == dict.fromkeys(found, "archive/done")
    assert list((world.path / "spool").rglob("corrupt/*")) == []


def test_what_a_newer_debmill_wrote_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spool = spool_at(tmp_path)
    newer = put_upload(spool, upload("pkg", "1"))
    rewrite(spool.path, lambda fields: {**fields, "format": 2})
    put_upload(spool, upload("pkg", "2"))
    past = (spool.review.where(Room.READY, newer) / "history").read_bytes()

    assert [claimed(spool) for _ in range(3)] == ["2", None, None]
    assert spool.review.contended is False, "nobody has it in hand: a daemon may sleep"
    assert spool.review.names(Room.READY) == [newer]
    assert (spool.review.where(Room.READY, newer) / "history").read_bytes() == past
    assert caplog.text.count("a newer debmill wrote it (format 2, this one knows 1)") == 1
    with pytest.raises(Newer):
        spool.review.peek(Room.READY, newer)

    monkeypatch.setattr(envelope, "FORMAT", 2)  # it is installed again
    assert claimed(spool_at(tmp_path)) == "1"
