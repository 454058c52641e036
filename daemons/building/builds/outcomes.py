"""What may become of a build, as values, and each in words. Pure.

The package's failure is `Failed`, a missing dependency a DepWait, the machine's failure a Later, results that are not
the job's are `Suspicious`. A command that somebody killed, or that failed because what it ran was, is `Killed`: by
the machine or by the package, nobody can tell.
"""

from __future__ import annotations

from msgspec import Struct

from daemons.building.environment import DepWait, Limits, Reached, in_mib
from queues.outcomes import Later
from queues.values import BuildResult


class Cancelled(Exception):
    """The watch of an environment says that its build is not wanted any more; the message says by whom and why."""


class Suspicious(Struct, frozen=True):
    """Results that are not what the job was for: a person decides."""

    reason: str


class Killed(Struct, frozen=True):
    """A build that did not end by itself: the kernel was short of memory, a person killed it, or it killed itself."""

    reason: str


class Failed(Struct, frozen=True):
    """The package's failure, in the phase that is going on."""

    reason: str


Trouble = Failed | DepWait | Later | Killed | Suspicious
Outcome = BuildResult | DepWait | Later | Killed | Suspicious


def in_words(trouble: Trouble | None) -> str:
    """Say what came of a build, for the last line of its log."""
    if trouble is None:
        return "built"
    if isinstance(trouble, DepWait):
        return f"waiting for build dependencies: {trouble.missing}"
    kind = {Failed: "failed", Later: "given back", Killed: "given back", Suspicious: "held"}[type(trouble)]
    return f"{kind}: {trouble.reason}"


def in_excess(reached: Reached, limits: Limits) -> str:
    """Say at which limit a build was ended."""
    words: dict[Reached, str] = {
        "time": f"it took longer than {limits.seconds:g} seconds",
        "idle": f"it wrote nothing for {limits.idle:g} seconds",
        "output": f"it wrote more than {limits.output} bytes of log",
        "memory": f"it used more than {in_mib(limits.memory)} of memory",
        "processes": f"it had more than {limits.processes} processes",
        "disk": f"it filled its disk, {in_mib(limits.disk)}",
        "shm": f"it filled /dev/shm, {in_mib(limits.shm)}",
    }
    return words[reached]
