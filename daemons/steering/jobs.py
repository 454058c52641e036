"""An operator's verbs on build jobs: cancel and give back.

Cancelling ends in the verdict `failed`, whoever has the job in hand; giving back undoes such a verdict, as long as its
upload waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from daemons.deciding import verdicts
from daemons.sites import Site
from daemons.steering import cancelling
from daemons.steering.cancelling import Cancel
from daemons.steering.choosing import Place
from daemons.steering.operating import Refused, is_withheld
from queues.entry import FILES, Entry
from queues.history import Event
from queues.layout import Spool
from queues.names import Key, upload_of
from queues.outcomes import Done, Outcome
from queues.recovery import recover
from queues.rooms import Room
from queues.values import BuildJob

UNFINISHED = (Room.READY, Room.ACTIVE, Room.WAITING, Room.DEFERRED, Room.HOLD)
WISHED = "wished"  # the event: a person wants it built with other options
PATIENCE, LOOK = 10.0, 0.1  # seconds that a builder gets to end a build; between two looks


def cancel(site: Site, place: Place, why: Cancel) -> Room | None:
    """Cancel a job wherever it is, and give the room it came to: `active` when its builder is slow to hear."""
    deadline = time.monotonic() + PATIENCE
    while (room := _cancel_once(site, place, why)) in UNFINISHED and time.monotonic() < deadline:
        time.sleep(LOOK)
    return room


def _cancel_once(site: Site, place: Place, why: Cancel) -> Room | None:
    queue = place.queue
    recover(queue, site.spool.clock())
    found = queue.find(place.name.key)
    if found is None or found[0] not in UNFINISHED:
        return found[0] if found else None
    room, name = found
    if room is Room.ACTIVE:
        path = queue.where(room, name)
        with suppress(FileNotFoundError):  # it has just moved on, and is found there the next time
            if cancelling.asked(path) is None:
                cancelling.lay(path, why)
    else:
        with queue.claim(name.key, room) as job:
            if job is not None:
                job.settle(_verdict(site, job, why))
    return room


def _verdict(site: Site, job: Entry[BuildJob], why: Cancel) -> Outcome:
    upload = verdicts.upload_of(site.spool, job.envelope)
    if upload is None:
        return Done(str(why))
    if site.spool.parts.find(job.name.key):
        return Done("it was built before it was cancelled")
    return verdicts.fail(site, job, upload, verdicts.cancelled(job.envelope, why, site.spool.clock()))


def wished(job: BuildJob, events: Sequence[Event]) -> BuildJob:
    """Give a job with the options and profiles that somebody wished for it last, if anybody did."""
    wishes = next((event.facts for event in reversed(events) if event.event == WISHED), {})
    return replace(job, **{what: tuple(wishes[what].split()) for what in ("options", "profiles") if what in wishes})


def give_back(spool: Spool, place: Place, by: str, reason: str, **wishes: str) -> None:
    """Let a job that failed or is held be built again; a withheld upload waits for it again. Raises Refused.

    `wishes` are `options` and `profiles`, words, in the place of those of its suite.

    The job is claimed first, so that its old result counts no more while the gate may look.
    """
    refusal = _refusal(spool, place)
    if refusal:
        raise Refused(refusal)
    with place.queue.claim(place.name.key, place.room) as job:
        given = job is not None and _let_wait(spool, upload_of(place.name.key), by, place.queue.name)
        if job is not None and given:
            cancelling.withdraw(job.path)
            if wishes:
                job.note(WISHED, by=by, **wishes)
            job.move(place.queue, event=verdicts.GIVEN_BACK, by=by, reason=reason)
    if not given:
        raise Refused(f"{place.name.key} or its upload is in other hands at this moment: try again")


def _refusal(spool: Spool, place: Place) -> str:
    upload, job = upload_of(place.name.key), place.queue.where(place.room, place.name)
    stands = spool.master.find(upload)
    where = f"is in master/{stands[0]}" if stands else "has left the master queue"
    if stands is None or stands[0] not in (Room.WAITING, Room.HOLD):
        return f"{upload} {where}, and waits for no build: 'debmill why {upload}' tells more"
    if stands[0] is Room.HOLD and not is_withheld(Place(spool.master, *stands)):
        return f"{upload} is held by somebody: 'debmill queue release {upload}' first"
    names = [file.name for file in place.queue.peek(place.room, place.name).files]
    if not all((job / FILES / name).exists() for name in names):
        return f"the source files of {place.name.key} are gone: upload a higher version"
    return ""


def _let_wait(spool: Spool, upload: Key, by: str, job: str) -> bool:
    """Make sure that an upload waits at the gate; False when it does not any more."""
    with spool.master.claim(upload, Room.HOLD) as entry:
        if entry is not None:
            entry.move(spool.master, Room.WAITING, event=verdicts.GIVEN_BACK, by=by, job=job)
    stands = spool.master.find(upload)
    return stands is not None and stands[0] is Room.WAITING
