"""When a job goes on that waits for build dependencies, or for what others of its set make."""

from __future__ import annotations

from datetime import datetime, timedelta

from daemons.deciding.siblings import Siblings
from daemons.sites import Site
from daemons.telling.meaning import SET_WAIT
from queues import history
from queues.envelope import Unreadable
from queues.names import EntryName
from queues.rooms import Room
from queues.spool import Queue
from queues.values import BuildJob

STALE = timedelta(hours=6)  # after which a missing dependency is looked for again, whatever happened


def may_go_on(site: Site, queue: Queue[BuildJob], name: EntryName, others: Siblings, now: datetime) -> bool:
    """Say whether a job has waited enough; one that cannot be read has: its claim puts it aside."""
    try:
        events = history.read(queue.where(Room.WAITING, name))
        waited, job = events[-1], queue.peek(Room.WAITING, name)
        if waited.event == SET_WAIT:
            return not others.waits_for(job)
        if others.are_others(job, events):
            return True
    except FileNotFoundError:
        return False  # another builder sent it back
    except (Unreadable, IndexError):
        return True
    fresh = timedelta(0) <= now - waited.at <= STALE  # the clock may have been set back
    return waited.facts.get("archive") != snapshot(site, job.suite) or not fresh


def snapshot(site: Site, suite: str) -> str:
    """Name the state of the archive in which a dependency is missing."""
    return site.repository.current(suite) or ""
