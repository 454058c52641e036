"""Build logs: each job's last one is kept compressed below SITE/logs; while a build runs, its log is in the entry."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from queues import atomic
from queues.names import Key, split
from queues.rooms import Room
from queues.spool import Queue
from queues.values import BuildJob

OUT = "out"  # in the entry of a job, while it is built


def kept(logs: Path, job: Key) -> Path:
    """Give the path where a job's log is kept once its build has ended; it may not be there."""
    return logs / "builds" / f"{job}.log.gz"


def keep(logs: Path, job: Key, written: Path) -> None:
    """Keep the log of a build that has ended, in place of the job's former one; the same log gives the same bytes."""
    target = kept(logs, job)
    aside = target.with_name(f".{target.name}.new")
    atomic.make(target.parent)
    atomic.remove(aside)
    with (
        written.open("rb") as plain,
        atomic.disk.open_new(aside, 0o644) as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
    ):
        shutil.copyfileobj(plain, packed)
    atomic.disk.sync(aside)
    atomic.disk.rename(aside, target)


def opened(log: Path) -> TextIO:
    """Open a log for reading, kept or running; what is no UTF-8 is replaced. Raises FileNotFoundError."""
    if log.suffix == ".gz":
        return gzip.open(log, "rt", encoding="utf-8", errors="replace")
    return log.open(encoding="utf-8", errors="replace")


def running(queue: Queue[BuildJob], job: Key) -> Iterator[Path]:
    """Give the log of a job that is built now, once it is begun."""
    yield from queue.room(Room.ACTIVE).glob(f"*.{job}/{OUT}/{split(job).source}_*.log")
