"""Withdrawing an upload on the word of who sent it: out of review it is rejected, after acceptance it has failed.

Ends in one rename, like a reviewer's or the gate's decision. What is on its way into the archive stays.
"""

from __future__ import annotations

from daemons.deciding import results, superseding
from daemons.sites import Site
from daemons.steering.cancelling import Cancel
from daemons.telling.meaning import WITHDRAWN
from queues.names import Key
from queues.recovery import recover
from queues.rooms import Room

REASON = "withdrawn by its uploader"
ACCEPTED = (Room.READY, Room.WAITING, Room.DEFERRED, Room.HOLD)


def withdraw(site: Site, key: Key, by: str) -> str:
    """Withdraw an upload wherever it is, and say what came of it; empty when it cannot be withdrawn now."""
    recover(site.spool.review, site.spool.clock())
    return _from_review(site, key, by) or _from_master(site, key, by)


def _from_review(site: Site, key: Key, by: str) -> str:
    review = site.spool.review
    for room in (Room.READY, Room.HOLD):
        with review.claim(key, room) as entry:
            if entry is not None:
                site.tell("rejected", entry.envelope, site.spool.clock(), by=by, reason=REASON)
                entry.move(review, Room.REJECTED, event=WITHDRAWN, by=by, reason=REASON)
                return "withdrawn from review"
    return ""


def _from_master(site: Site, key: Key, by: str) -> str:
    spool = site.spool
    for room in ACCEPTED:
        with spool.master.claim(key, room) as entry:
            if entry is not None:
                superseding.retire_jobs(spool, key, REASON)
                results.drop_parts(spool, key, spool.architectures(), REASON)
                site.tell("abandoned", entry.envelope, spool.clock(), reason=f"{REASON}, {by}")
                entry.move(spool.master, Room.FAILED, event=WITHDRAWN, by=by, reason=REASON)
                superseding.cancel_jobs(spool, key, Cancel(by, REASON))
                return "withdrawn; its builds are cancelled"
    return ""
