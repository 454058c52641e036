"""The verdict that a job has failed: its result is laid for the gate, and the uploader is told.

A result counts only in the room `failed`; a job that was given back keeps its old one until the next verdict replaces
it, so that no crash leaves a failed job without a result.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from daemons.building.build import log_name
from daemons.deciding import results
from daemons.sites import Site
from daemons.steering.cancelling import Cancel
from queues import atomic
from queues.entry import Entry
from queues.layout import Spool
from queues.names import EntryName
from queues.outcomes import Never
from queues.rooms import Room
from queues.values import BuildJob, BuildResult, FileRef, Upload
from review.notices import anew

EXCERPT = 40  # lines of the log in a notice
GIVEN_BACK = "given back"  # the event; with `by`, a person did it


def upload_of(spool: Spool, job: BuildJob) -> Upload | None:
    """Give the upload that still wants a job's result; None when it has left the master queue."""
    while (found := spool.master.find(job.upload)) and found[0] is not Room.FAILED:
        with suppress(FileNotFoundError):  # it has just moved on, and is found there the next time
            return spool.master.peek(*found)
    return None


def fail(site: Site, job: Entry[BuildJob], upload: Upload, result: BuildResult) -> Never:
    """Tell the uploader, and lay the result; the answer settles the job."""
    path = log_of(site, job.name)
    site.tell(
        anew(f"failed-{job.envelope.architecture}", job.history),
        upload,
        site.spool.clock(),
        architecture=result.job.architecture,
        phase=result.phase,
        reason=result.reason,
        log=path.name,
        excerpt=_end(path),
    )
    atomic.remove(job.path / results.RESULT)
    job.paper(results.RESULT, result)
    return Never(f"{result.phase}: {result.reason}")


def cancelled(job: BuildJob, cancel: Cancel, now: datetime) -> BuildResult:
    """Make the result of a job that was cancelled before it was begun."""
    nothing = FileRef(log_name(job), 0, hashlib.sha256().hexdigest())
    return BuildResult(job, "failed", str(cancel), "setup", (), nothing, now, now)


def log_of(site: Site, name: EntryName) -> Path:
    """Give the path of a job's log, whose directory is there."""
    atomic.make(site.logs / "builds")
    return site.logs / "builds" / f"{name.key}.log"


def _end(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-EXCERPT:]) if log.exists() else ""
