"""The story of an upload: every entry of it in every queue, told from the histories alone."""

from __future__ import annotations

from collections.abc import Sequence

from daemons.deciding import sets
from daemons.reporting.waiting import planned, unsettled
from daemons.sites import Site
from daemons.steering.choosing import NotThere, Place, known
from daemons.telling import elsewhere, notes
from daemons.telling.chapter import Chapter
from daemons.telling.meaning import meaning
from queues import history, names
from queues.history import Event


def tell(site: Site, wanted: str) -> list[Chapter]:
    """Find what is meant: by a key, a source name or `source_version`, each upload, then its jobs and parts.

    By other names what else is known: a binary package, what was published without an upload, what is not taken yet.
    Raises NotThere when there is nothing of that name.
    """
    try:
        places = known(site.spool, wanted)
    except NotThere as nothing:
        coming = dict(elsewhere.coming(site, wanted))
        chapters = [*elsewhere.published(site, wanted, ()), *coming.values(), *elsewhere.at_the_door(site, wanted)]
        if not chapters:
            raise NotThere(f"{nothing}, or a binary package") from None
        sources = dict.fromkeys([*elsewhere.sources_of(site, wanted), *coming])
        return [*chapters, *(chapter for source in sources for chapter in _known(site, source))]
    chapters = _told(site, places)
    if "~" in wanted:  # a key means one upload
        return chapters
    versions = {names.split(place.name.key).version for place in places}
    return [*chapters, *elsewhere.published(site, wanted, versions), *elsewhere.at_the_door(site, wanted)]


def _known(site: Site, wanted: str) -> list[Chapter]:
    try:
        return _told(site, known(site.spool, wanted))
    except NotThere:
        return []


def _told(site: Site, places: Sequence[Place]) -> list[Chapter]:
    chapters = sorted((_chapter(site, place, places) for place in places), key=_begun)
    uploads = list(dict.fromkeys(names.upload_of(one.key) for one in chapters))
    return [one for upload in uploads for one in chapters if names.upload_of(one.key) == upload]


def _begun(chapter: Chapter) -> str:
    return chapter.events[0]["at"] if chapter.events else ""


def _chapter(site: Site, place: Place, others: Sequence[Place]) -> Chapter:
    events, key = history.read(place.path), place.name.key
    mates = notes.mates(site, place, events)
    gate = unsettled(key, planned(events), others) if place.queue is site.spool.master else ""
    gate = gate or ("the others of its set" if any(mate.stands in sets.COMING for mate in mates) else "")
    means = meaning(place.queue.name, place.room, key, events, gate)
    return Chapter(
        key=key,
        title=_title(names.split(key), place.queue.name),
        queue=place.queue.name,
        room=place.room,
        meaning=means.state,
        notes=[*sets.in_words(mates), *notes.of(site, place, events)],
        remedy=means.remedy,
        events=[_flat(event) for event in events],
        since=notes.since(place, events).isoformat(),
    )


def _flat(event: Event) -> dict[str, str]:
    return {"at": event.at.isoformat(), "event": event.event, **event.facts}


def _title(parts: names.Parts, queue: str) -> str:
    kind = {"archive": f"what was built for {parts.part}"}.get(queue, f"the build for {parts.part}")
    return f"{parts.source} {parts.version}: {kind if parts.part else 'the upload'}"
