"""Repairs: of each finding that is `repairable`, what mends it. Nothing here can lose anything.

Everything goes through what daemons do by themselves when they start, or adds what is missing; of files, only leftovers
of the dead are removed, each under the lock that its writer would hold.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from archive import pool
from daemons.sites import Site
from queues import atomic, names
from queues.checking import rooms
from queues.checking.entries import SEALED
from queues.checking.findings import Finding, Severity
from queues.recovery import recover
from queues.rooms import Room
from queues.spool import Queue
from queues.values import FileRef


def repair(site: Site, findings: Iterable[Finding]) -> Iterator[str]:
    """Repair what can be, and say of each thing what was done."""
    for one in findings:
        if one.severity is Severity.REPAIRABLE:
            yield from REPAIRS[one.what](site, Path(one.where))


def _make(_: Site, path: Path) -> Iterator[str]:
    atomic.make(path)
    yield f"{path} is there again"


def _recover(site: Site, path: Path) -> Iterator[str]:
    queue = _queue(site, path)
    for found in recover(queue, site.spool.clock()):
        yield f"{queue.name}: {found.name} is settled, for {found.what}"


def _queue(site: Site, path: Path) -> Queue[Any]:
    queues = rooms.everything(site.spool, site.settings.architectures())
    return next(queue for queue in queues if path.is_relative_to(queue.path))


def _dispatch(site: Site, path: Path) -> Iterator[str]:
    name = names.parse(path.name)
    with site.spool.master.claim(name.key, Room.WAITING) as entry:
        if entry is not None:
            entry.move(site.spool.master, event="sent back", by="doctor", reason="a job was missing")
            yield f"{name.key} is in master/ready, and is dispatched again"


def _finish(site: Site, path: Path) -> Iterator[str]:
    before = path.resolve()
    site.repository.recover()
    if path.resolve() != before or not path.exists():
        yield f"{path} is settled: what a publication left is finished or gone"


def _remember(site: Site, path: Path) -> Iterator[str]:
    site.repository.remember([FileRef(path.name, path.stat().st_size, pool.digest(path))])
    yield f"{path.name} is in published.sha256 again"


def _mode(change: Callable[[int], int]) -> Callable[[Site, Path], Iterator[str]]:
    def apply(_: Site, path: Path) -> Iterator[str]:
        before = path.stat(follow_symlinks=False).st_mode
        if not stat.S_ISLNK(before):
            path.chmod(change(before))
            yield f"{path} has mode {change(before):o}"

    return apply


def _published(mode: int) -> int:
    return 0o755 if stat.S_ISDIR(mode) else stat.S_IMODE(mode) & 0o644 | 0o444


REPAIRS: Mapping[str, Callable[[Site, Path], Iterator[str]]] = {
    "missing": _make,
    "leftover": _recover,
    "abandoned": _recover,
    "not-emptied": _recover,
    "undispatched": _dispatch,
    "unfinished": _finish,
    "unrecorded": _remember,
    "unsealed": _mode(lambda _: SEALED),
    "open": _mode(lambda mode: stat.S_IMODE(mode) & ~0o022),
    "secret": _mode(lambda mode: stat.S_IMODE(mode) & ~0o077),
    "published-mode": _mode(_published),
}
