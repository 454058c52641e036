"""The story of an upload: every entry of it in every queue, told from the histories alone."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from daemons.reporting import depwait
from daemons.reporting.needs import cycles, who_brings
from daemons.reporting.waiting import planned, unsettled
from daemons.sites import Site
from daemons.steering.choosing import Place, known
from daemons.telling.meaning import meaning
from daemons.telling.undone import undone
from queues import history, names
from queues.history import Event
from queues.names import Key
from queues.rooms import Room
from queues.values import Upload


class Chapter(msgspec.Struct, frozen=True):
    """One entry: what it is, where it is now, what that means, what one can do, and its events in order.

    `notes` say more of what it waits for: who would bring what it misses, and whether that one waits for it.
    """

    key: Key
    title: str
    queue: str
    room: str
    meaning: str
    notes: list[str]
    remedy: str
    events: list[dict[str, str]]


def tell(site: Site, wanted: str) -> list[Chapter]:
    """Find what is meant by a source name, `source_version` or a key: each upload, then its jobs and parts.

    Raises NotThere when there is nothing of that name.
    """
    places = known(site.spool, wanted)
    chapters = sorted((_chapter(site, place, places) for place in places), key=_begun)
    uploads = list(dict.fromkeys(names.upload_of(one.key) for one in chapters))
    return [one for upload in uploads for one in chapters if names.upload_of(one.key) == upload]


def _begun(chapter: Chapter) -> str:
    return chapter.events[0]["at"] if chapter.events else ""


def _chapter(site: Site, place: Place, others: Sequence[Place]) -> Chapter:
    events, key = history.read(place.path), place.name.key
    gate = unsettled(key, planned(events), others) if place.queue is site.spool.master else ""
    means = meaning(place.queue.name, place.room, key, events, gate)
    return Chapter(
        key=key,
        title=_title(names.split(key), place.queue.name),
        queue=place.queue.name,
        room=place.room,
        meaning=means.state,
        notes=_notes(site, place, events),
        remedy=means.remedy,
        events=[_flat(event) for event in events],
    )


def _notes(site: Site, place: Place, events: Sequence[Event]) -> list[str]:
    """Say who would bring what a job in dep-wait misses, and whether what was published was taken back."""
    published = [
        event.facts["snapshot"] for event in events if event.event == "published" and "snapshot" in event.facts
    ]
    if published and place.room is Room.DONE:
        suite = history.carried(place.path, Upload).suite
        return undone(suite, published[-1], site.repository.records.rollbacks())
    waits = place.queue.name.startswith("build/") and place.room is Room.WAITING
    need = depwait.need(place.queue, place.name) if waits else None
    if need is None:
        return []
    needs = depwait.needs(site.spool)
    offers = depwait.offers(site.spool, needs)
    who = who_brings(need, offers, depwait.owners(site.repository, [need]))
    ours = [cycle for cycle in cycles(needs, offers) if need.upload in cycle.keys]
    return [*filter(None, [who]), *(f"a cycle, which only a person can break: {cycle}" for cycle in ours)]


def _flat(event: Event) -> dict[str, str]:
    return {"at": event.at.isoformat(), "event": event.event, **event.facts}


def _title(parts: names.Parts, queue: str) -> str:
    kind = {"archive": f"what was built for {parts.part}"}.get(queue, f"the build for {parts.part}")
    return f"{parts.source} {parts.version}: {kind if parts.part else 'the upload'}"
