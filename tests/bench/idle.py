"""What a site costs while nothing happens: the processor time of all its daemons, by /proc/PID/stat (proc(5)).

usage: python tests/bench/idle.py [--json] [SECONDS]

It makes a site of its own, starts all daemons, waits until they are idle, and looks for SECONDS (60). The exit status
is 0 only if the target was met.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path[0] = str(Path(__file__).resolve().parents[2])  # this file's own directory would hide packages

from tests.support.mill import Mill, place, remove_site  # noqa: E402 -- after the path is right

SECONDS, TARGET = 60.0, 0.5  # percent of one core
TICKS = os.sysconf("SC_CLK_TCK")


class Figure(NamedTuple):
    """The measurement."""

    what: str
    value: float
    unit: str
    target: float

    @property
    def met(self) -> bool:
        return self.value <= self.target

    def line(self) -> str:
        verdict = "met" if self.met else "MISSED"
        return f"{self.what:<58} {self.value:9.2f} {self.unit:<5} at most {self.target:>5g}   {verdict}"


def main() -> int:
    numbers = [float(word) for word in sys.argv[1:] if word != "--json"]
    site = place(f"bench-idle-{os.getpid()}")
    mill = Mill(site)
    try:
        with tempfile.TemporaryDirectory(prefix="debmill-bench-") as log:
            mill("init", "--suite", "demo", "--arch", "amd64", "--arch", "i386", "--listen", "127.0.0.1:0")
            mill.start(Path(log) / "log")
            mill.wait("all daemons are idle", lambda: all(is_idle(one) for one in mill.daemons().values()), 60)
            seconds = (numbers or [SECONDS])[0]
            figure = Figure(f"idle cost of the whole site, {seconds:g} s", idle_cost(mill, seconds), "%", TARGET)
    finally:
        mill.stop()
        remove_site(site)
    print(json.dumps([{**figure._asdict(), "met": figure.met}], indent=1) if "--json" in sys.argv else figure.line())  # noqa: T201 -- a program of its own
    return 0 if figure.met else 1


def is_idle(state: dict[str, object]) -> bool:
    return state["state"] in ("idle", "running")


def idle_cost(mill: Mill, seconds: float) -> float:
    """Give the processor time that the site's daemons and their children take, in percent of one core."""
    supervisor = int(mill.daemons()["supervisor"]["pid"])
    before = used(supervisor)
    time.sleep(seconds)
    return 100 * (used(supervisor) - before) / seconds


def used(root: int) -> float:
    """Give the seconds that a process, its descendants, and those of them that ended, have run until now."""
    return sum(sum(map(int, stat(pid)[11:15])) for pid in tree(root)) / TICKS


def tree(root: int) -> Iterator[int]:
    yield root
    for task in Path(f"/proc/{root}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from tree(int(child))


def stat(pid: int) -> list[str]:
    """Give the fields of a process behind its name: state, parent, ..., utime, stime, cutime, cstime."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


if __name__ == "__main__":
    sys.exit(main())
