"""The archive inclusion daemon: when the machine cannot publish, no upload is to blame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.inclusion import Built, Inclusion, Refusal, Unchanged
from archive.indices import Damaged
from archive.installable import Found
from archive.repository import Repository
from archive.signing import SigningFailed
from archive.snapshot import LostLink
from daemons import samples, settings
from daemons.deciding import installing
from daemons.deciding.asking import PLAN
from daemons.publisher import RETRY, Publisher
from daemons.sites import Site
from daemons.steering import operating
from queues import atomic, envelope, history
from queues.names import EntryName
from queues.rooms import Room
from queues.values import Installable, Plan, Suite
from tests.support.entries import upload

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def published(root: Path, suite: Suite) -> tuple[Site, EntryName]:
    """A site of that suite alone, after its publisher worked at the one upload whose gate has passed."""
    (root / settings.FILE).write_text(samples.sample({"demo": suite}))
    site = Site(root)
    site.spool.create(["amd64"])
    one = upload("pkg", "1.0")
    name = EntryName(1_700_000_000_000_000, one.key)
    site.spool.archive.put(name, one, {})
    atomic.replace(site.spool.archive.where(Room.READY, name) / PLAN, envelope.encode(Plan(("amd64",), "complete")))
    assert worked(site).one()
    return site, name


def worked(site: Site) -> Publisher:
    """A publisher whose time stands still."""
    publisher = Publisher(site)
    publisher.clock = lambda: NOW
    return publisher


def test_an_archive_that_cannot_be_put_in_order_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def damaged(*_: object) -> None:
        raise Damaged("Packages.gz: not the content its Release lists")

    monkeypatch.setattr(Repository, "tend", damaged)
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    site = Site(tmp_path)
    site.spool.create(["amd64"])
    Publisher(site).tidy(NOW)
    assert "cannot be put in order: Packages.gz: not the content" in caplog.text


@pytest.mark.parametrize(
    "trouble", [SigningFailed("gpg: the card is not in its reader"), LostLink("dists/demo leads to no publication")]
)
def test_where_nothing_can_be_published_an_upload_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def broken(*_: object) -> Inclusion:
        raise trouble

    monkeypatch.setattr(Repository, "include_together", broken)
    site, name = published(tmp_path, Suite("demo"))

    assert site.spool.archive.find(name.key) == (Room.DEFERRED, name)
    event = history.read(site.spool.archive.where(Room.DEFERRED, name))[-1]
    assert event.facts["until"] == (NOW + RETRY).isoformat()
    assert str(trouble) in event.facts["reason"]


@pytest.mark.parametrize(
    ("rule", "found", "objection", "note"),
    [
        ("hold", Found(("tiny 1.0 needs nothere",)), "cannot be installed: tiny 1.0 needs nothere", ""),
        ("warn", Found(("tiny 1.0 needs nothere",)), "", "cannot be installed: tiny 1.0 needs nothere"),
        ("hold", Found(unchecked="no tool"), "", "whether it can be installed was not checked: no tool"),
        ("hold", Found(), "", ""),
    ],
)
def test_what_cannot_be_installed_is_held_or_noted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rule: Installable,
    found: Found,
    objection: str,
    note: str,
) -> None:
    """The checker's word decides by the suite's rule, and what is only to be known is in the history."""
    suite = Suite("demo", installable=rule)

    def include(
        _: object, __: object, ___: object, ____: object, objects: Callable[[Suite, Sequence[Built]], str]
    ) -> Inclusion:
        reason = objects(suite, ())
        return Refusal(reason) if reason else Unchanged()

    monkeypatch.setattr(Repository, "include_together", include)
    monkeypatch.setattr(installing, "check", lambda *_: found)
    site, name = published(tmp_path, suite)

    room = Room.HOLD if objection else Room.DONE
    assert site.spool.archive.find(name.key) == (room, name)
    events = history.read(site.spool.archive.where(room, name))
    looked = [event.facts for event in events if event.event == installing.LOOKED_AT]
    assert [facts["note"] for facts in looked if "note" in facts] == ([note] if note else [])
    assert events[-1].facts.get("reason", "") == objection
    if objection:
        operating.release(site.spool, "pkg", "ulla")
        assert worked(site).one()
        assert site.spool.archive.find(name.key) == (Room.DONE, name)
        event = history.read(site.spool.archive.where(Room.DONE, name))[-2]
        assert event.facts["note"] == f"{objection}; included nevertheless, for ulla released it"
