"""Looks at the machine a site runs on: what build environments need, the kernel's limits, and the clock."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from archive import snapshot
from archive.snapshot import Tree
from daemons.building.bases import base
from daemons.building.bases.base import BaseFailed
from daemons.building.roots import entering
from daemons.sites import Site
from queues.checking import rooms
from queues.checking.findings import Finding, Look, broken, harmless
from queues.names import moment
from queues.rooms import Room

INOTIFY = Path("/proc/sys/fs/inotify")
BESIDES = 4  # daemons that are no builders
SKEW = timedelta(minutes=1)


def looks(site: Site, now: datetime, inotify: Path = INOTIFY) -> Iterator[Look]:
    """Give every look at the machine."""
    wanted = {
        (suite.base, suite.builds_on(name)) for suite in site.settings.suites.values() for name in suite.architectures
    }
    for name, architecture in sorted(wanted):
        yield partial(_base, site.environments / f"{name}-{architecture}")
    yield namespaces
    yield partial(_inotify, site, inotify)
    yield partial(_clock, site, now)


def _base(path: Path) -> Iterator[Finding]:
    try:
        base.at(path)
    except BaseFailed:
        yield broken("base", path, "nothing can be built in it: 'debmill environment create' makes it")


def namespaces() -> Iterator[Finding]:
    """Look whether this account can make the namespaces of build environments."""
    command = entering.mapped(["true"])
    try:
        ran = subprocess.run(command, env=entering.OUTSIDE, capture_output=True, text=True, check=False)
        said, failed = ran.stderr.strip().splitlines()[-1:], ran.returncode != 0
    except FileNotFoundError as error:
        said, failed = [f"{error.filename} is not installed"], True
    if failed:
        why = said[0] if said else "unshare failed"
        yield broken(
            "namespaces", Path("/etc/subuid"), f"no environment can be made ({why}): 'etc/setup' gives subordinate ids"
        )


def _inotify(site: Site, limits: Path) -> Iterator[Finding]:
    slots, queues = site.settings.build.slots, len(site.spool.architectures())
    needed = {"max_user_instances": BESIDES + slots, "max_user_watches": slots * (queues + 1) + queues + BESIDES}
    for name, count in needed.items():
        if int((limits / name).read_text()) < 2 * count:  # we are not alone
            yield harmless(
                "inotify", limits / name, f"less than {2 * count}: what arrives may be found 30 seconds late"
            )


def _clock(site: Site, now: datetime) -> Iterator[Finding]:
    for queue in rooms.everything(site.spool, ()):
        stamps = [name.stamp for room in (Room.READY, Room.ACTIVE) for name in queue.names(room)]
        if stamps and moment(max(stamps)) > now + SKEW:
            newest = f"{moment(max(stamps)):%F %T} UTC"
            yield broken(
                "clock", queue.path, f"the clock is behind its newest entry, which is of {newest}: set the clock"
            )
    for newest_snapshot in Tree(site.archive).all()[:1]:
        if snapshot.date(newest_snapshot) > now + SKEW:
            means = f"the clock is behind {newest_snapshot}, and nothing is published until then: set the clock"
            yield broken("clock", site.archive / "snapshots", means)
