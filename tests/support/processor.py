"""Processor time of a process and all that it started, by /proc/PID/stat (proc(5)); what a site costs when idle."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tests.support.mill import Mill

TICKS = os.sysconf("SC_CLK_TCK")


def is_idle(state: dict[str, object]) -> bool:
    """Say whether a daemon has nothing to do."""
    return state["state"] in ("idle", "running")


def idle_cost(mill: Mill, seconds: float) -> float:
    """Give the processor time that the site's daemons and their children take, in percent of one core."""
    supervisor = int(mill.daemons()["supervisor"]["pid"])
    before = used(supervisor)
    time.sleep(seconds)
    return 100 * (used(supervisor) - before) / seconds


def used(root: int) -> float:
    """Give the seconds that a process, its descendants, and those of them that ended, have run until now."""
    return sum(sum(map(int, stat(pid)[11:15])) for pid in [*tree(root)]) / TICKS


def tree(root: int) -> Iterator[int]:
    """Give a process and all that it started; what ends meanwhile is left out."""
    try:
        started = [(task / "children").read_text().split() for task in Path(f"/proc/{root}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return
    yield root
    for child in chain(*started):
        yield from tree(int(child))


def stat(pid: int) -> list[str]:
    """Give the fields of a process behind its name: state, parent, ..., utime, stime, cutime, cstime."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
