"""The verdict that a job has failed: its result is laid for the gate, and the uploader is told.

A result counts only in the room `failed`; a job that was given back keeps its old one until the next verdict replaces
it, so that no crash leaves a failed job without a result.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime

from daemons.building.builds.recipe import log_name
from daemons.deciding import results
from daemons.sites import Site
from daemons.steering.cancelling import Cancel
from queues import atomic
from queues.entry import Entry
from queues.layout import Spool
from queues.outcomes import Never
from queues.rooms import Room
from queues.values import BuildJob, BuildResult, FileRef, Upload
from review.notices import anew

GIVEN_BACK = "given back"  # the event; with `by`, a person did it


def upload_of(spool: Spool, job: BuildJob) -> Upload | None:
    """Give the upload that still wants a job's result; None when it has left the master queue."""
    while (found := spool.master.find(job.upload)) and found[0] is not Room.FAILED:
        with suppress(FileNotFoundError):  # it has just moved on, and is found there the next time
            return spool.master.peek(*found)
    return None


def fail(site: Site, job: Entry[BuildJob], upload: Upload, result: BuildResult) -> Never:
    """Tell the uploader, and lay the result; the answer settles the job."""
    site.tell(
        anew(f"failed-{job.envelope.architecture}", job.history),
        upload,
        site.spool.clock(),
        architecture=result.job.architecture,
        phase=result.phase,
        reason=result.reason,
        excerpt=result.excerpt,
    )
    atomic.remove(job.path / results.RESULT)
    job.paper(results.RESULT, result)
    return Never(f"{result.phase}: {result.reason}")


def cancelled(job: BuildJob, cancel: Cancel, now: datetime) -> BuildResult:
    """Make the result of a job that was cancelled before it was begun."""
    nothing = FileRef(log_name(job), 0, hashlib.sha256().hexdigest())
    return BuildResult(job, "failed", str(cancel), "setup", (), nothing, now, now)
