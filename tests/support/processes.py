"""The processes of one site, seen from outside: found by their command lines, then by descent.

A daemon has a session of its own, so no process group holds them all. A process is known by its number and the moment
it was born, so that a number that was given again is never mistaken for the one that was meant.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = ("dpkg-source", "dpkg-buildpackage")  # what they start is the package's own


@dataclass(frozen=True)
class Process:
    """One process; `born` is in clock ticks since the machine's start (proc(5))."""

    pid: int
    born: int
    parent: int
    argv: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.pid} {self.program} {' '.join(self.argv[-3:])[-80:]!r}"

    @property
    def program(self) -> str:
        """The name of what it runs; of a script, the script's."""
        words = [Path(word).name for word in self.argv[:2]]
        return words[1] if words[1:] and words[0].startswith(("perl", "python")) else next(iter(words), "")

    def lives(self) -> bool:
        """Say whether it is still there."""
        now = _read(self.pid)
        return now is not None and now.born == self.born

    def kill(self) -> bool:
        """Send SIGKILL to it and to no other; False when it had gone."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.lives():
                return False
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


def of_site(site: Path) -> list[Process]:
    """Give the site's commands and daemons with all that descends from them, and the agents of its archive's key."""
    every = {process.pid: process for process in _all()}
    named = {process.pid for process in every.values() if _names(process, site) or _is_agent(process, site)}
    return [process for process in every.values() if named & {process.pid, *_ancestors(process, every)}]


def apart_from_packages(processes: list[Process]) -> list[Process]:
    """Leave out what a package itself started: what uses it need not say that it was killed."""
    every = {process.pid: process for process in processes}
    return [
        process
        for process in processes
        if not any(every[pid].program in PACKAGE for pid in _ancestors(process, every) if pid in every)
    ]


def _ancestors(process: Process, every: dict[int, Process]) -> Iterator[int]:
    seen = {process.pid}
    while process.parent in every and process.parent not in seen:
        seen.add(process.parent)
        process = every[process.parent]
        yield process.pid


def _names(process: Process, site: Path) -> bool:
    return ("--site", str(site)) in zip(process.argv, process.argv[1:], strict=False)


def _is_agent(process: Process, site: Path) -> bool:
    """Say whether it is gpg's agent, which nobody is the parent of, over a link to the archive's key."""
    homes = [after for word, after in zip(process.argv, process.argv[1:], strict=False) if word == "--homedir"]
    return process.program == "gpg-agent" and any(Path(home).resolve().is_relative_to(site) for home in homes)


def _all() -> Iterator[Process]:
    for path in Path("/proc").glob("[0-9]*"):
        process = _read(int(path.name))
        if process is not None:
            yield process


def _read(pid: int) -> Process | None:
    """Read a process that has not ended; a zombie has."""
    path = Path("/proc", str(pid))
    try:
        fields = (path / "stat").read_text(errors="replace").rpartition(")")[2].split()
        argv = (path / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Process(pid, int(fields[19]), int(fields[1]), tuple(argv))
