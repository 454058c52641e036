"""Taking an acceptance back, as long as the upload is not published; that of a set for all who belong to it.

First the upload goes to `review/hold` in one rename; from then on nobody wants its builds. Then these are cancelled,
jobs and parts are put away, so that a second acceptance finds none of them, and the case is released. A death in
between leaves a held case, which only another undo releases, after doing the rest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from daemons.deciding import results, superseding
from daemons.deciding.asking import PLAN, RELEASE
from daemons.sites import Site
from daemons.steering.cancelling import Cancel
from daemons.steering.choosing import Place, known
from daemons.steering.operating import Refused
from queues import atomic, history, names, pruning
from queues.entry import Entry
from queues.names import EntryName, Key
from queues.recovery import recover
from queues.rooms import Room
from queues.spool import Queue
from queues.values import Upload
from review import cases, together
from review.desk import Desk
from review.notices import UNDONE, anew
from review.together import SET

MASTER = (Room.READY, Room.WAITING, Room.DEFERRED, Room.HOLD)
ARCHIVE = (Room.READY, Room.DEFERRED, Room.HOLD)
OVER = (Room.DONE, Room.FAILED)
PATIENCE, LOOK = 30.0, 0.1  # seconds that builders get to end; between two looks


def undo(site: Site, desk: Desk, wanted: str, reviewer: str, reason: str) -> list[Upload]:
    """Take an acceptance back, and with it that of the others of its set; gives the upload that is meant, and those.

    Raises NotThere, Refused, NotAllowed, UnknownPerson.
    """
    place = _chosen(site, wanted)
    places = [place, *_company(site, place)]
    uploads: list[Upload] = [one.queue.peek(one.room, one.name) for one in places]
    judge = desk.judge_of(uploads[0], reviewer)
    _take_back(site, [one for one in places if one.queue is not site.spool.review], judge.name, reason)
    _clear(site, uploads, Cancel(judge.name, reason))
    for upload in uploads:
        _release(site, upload, judge.name)
    return uploads


def _chosen(site: Site, wanted: str) -> Place:
    """Find the upload that is meant, accepted or already on its way back. Raises NotThere, Refused."""
    spool = site.spool
    for queue in spool.uploads():
        recover(queue, spool.clock())
    uploads = [place for place in known(spool, wanted) if not names.split(place.name.key).part and not place.month]
    found = [place for place in uploads if _is_accepted(place)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(f"'{wanted}' means several uploads: {', '.join(place.name.key for place in found)}")
    where = ", ".join(f"{place.name.key} is in {place}" for place in uploads) or f"nothing of '{wanted}' is there"
    raise Refused(f"there is nothing to take back: {where}")


def _company(site: Site, place: Place) -> list[Place]:
    """Find the others of its set that are accepted, or on their way back, too. Raises Refused."""
    bond = together.of(place.path)
    others = [together.member(site.spool, key, bond) for key in bond.members if key != place.name.key] if bond else []
    found = [Place(*one) for one in others if one]
    for one in found:
        if one.room is Room.ACTIVE:
            raise Refused(f"{one.name.key} of the same set is in other hands at this moment: try again")
    return [one for one in found if _is_accepted(one)]


def _is_accepted(place: Place) -> bool:
    if place.queue.name == "review":
        return place.room is Room.HOLD and cases.put_aside_by(history.read(place.path)) == UNDONE
    return place.room in {"master": MASTER, "archive": ARCHIVE}.get(place.queue.name, ())


def _take_back(site: Site, places: Sequence[Place], by: str, reason: str) -> None:
    """Send all to `review/hold`, or none when one cannot be had. Raises Refused."""
    now = site.spool.clock()
    with ExitStack() as claims:
        entries = [claims.enter_context(place.queue.claim(place.name.key, place.room)) for place in places]
        absent = [place.name.key for place, entry in zip(places, entries, strict=True) if entry is None]
        for entry in [] if absent else filter(None, entries):
            site.tell(anew(UNDONE, entry.history), entry.envelope, now, by=by, reason=reason)
            entry.move(site.spool.review, Room.HOLD, event=UNDONE, by=by, reason=reason)
    if absent:
        raise Refused(f"{', '.join(absent)}: in other hands at this moment: try again")


def _clear(site: Site, uploads: Sequence[Upload], why: Cancel) -> None:
    """End what is built, and put away what was built and that it was, until nothing of it is left. Raises Refused."""
    deadline = time.monotonic() + PATIENCE
    while left := [one for upload in uploads for one in _cleared(site, upload.key, why)]:
        if time.monotonic() > deadline:
            held = ", ".join(upload.key for upload in uploads)
            again = f"{held} is held until 'debmill review undo {uploads[0].key}' is said again"
            raise Refused(f"{', '.join(left)} does not end; {again}")
        time.sleep(LOOK)


def _cleared(site: Site, upload: Key, why: Cancel) -> list[str]:
    """Do what can be done at this moment, and name what is left."""
    spool = site.spool
    queues: list[Queue[Any]] = [*spool.builds(), spool.parts]
    for queue in queues:
        recover(queue, spool.clock())
    superseding.cancel_jobs(spool, upload, why)
    superseding.retire_jobs(spool, upload, str(why))
    results.drop_parts(spool, upload, spool.architectures(), str(why))
    for queue, room, name in _parts_of(queues, upload):
        if room in OVER:
            pruning.put_by(queue, room, name)
    return [f"{queue.name}/{name}" for queue, _, name in _parts_of(queues, upload)]


def _parts_of(queues: list[Queue[Any]], upload: Key) -> list[tuple[Queue[Any], Room, EntryName]]:
    """Find the jobs and parts of an upload, in whatever room."""
    return [
        (queue, room, name)
        for queue in queues
        for room in queue.rooms
        if room is not Room.TMP
        for name in queue.names(room)
        if names.split(name.key).part and names.upload_of(name.key) == upload
    ]


def _release(site: Site, upload: Upload, by: str) -> None:
    review = site.spool.review
    with review.claim(upload.key, Room.HOLD) as entry:
        if entry is None:
            raise Refused(f"{upload.key} is in other hands at this moment: try again")
        _forget(entry)
        entry.move(review, event="released", by=by)


def _forget(entry: Entry[Upload]) -> None:
    """Remove what was planned: a second acceptance plans anew."""
    for paper in (PLAN, RELEASE, SET):
        atomic.remove(entry.path / paper)
