"""What an environment uses, looked at from outside: its processes, their memory, what it has written.

All is read through descriptors that were opened before anything of a package ran, so nothing that is mounted inside
later can change what is read. The figures are those of the looks: what comes and goes between two is not seen.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from daemons.building.environment import Limits, Reached, Usage
from daemons.building.roots import entering

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PSS = re.compile(rb"^Pss: +(\d+) kB", re.MULTILINE)
_FULL = 100  # a hundredth free is no room for anything
_PAUSE = 10.0  # seconds after which what is ours is added up in any case: others may give back what we take


class Meter:
    """Looks at the environment whose process 1 is `pid`; `on_disk` is its writable layer, if not in memory."""

    def __init__(self, pid: str, on_disk: Path | None) -> None:
        self._directories = [_directory(f"/proc/{pid}/root{path}") for path in ("/proc", "", "/dev/shm")]
        self._processes, self._root, self._shm = self._directories
        self._on_disk = on_disk
        self._before, self._files = _used(self._root) if on_disk else (0, 0)
        self._added_up = time.monotonic()
        self._cpu, self._memory, self._tasks = 0.0, 0, 0

    def close(self) -> None:
        """Let go of the environment."""
        for directory in self._directories:
            os.close(directory)

    def look(self, limits: Limits) -> Reached | None:
        """Say which limit is reached."""
        memory, tasks = self._anonymous(), self._count()
        self._memory, self._tasks = max(self._memory, memory), max(self._tasks, tasks)
        if tasks > limits.processes:
            return "processes"
        if memory > limits.memory and self._proportional() > limits.memory:
            return "memory"
        if self._is_full(limits):
            return "disk"
        return "shm" if _is_full(self._shm) else None

    def spend(self, cpu: float) -> None:
        """Add the CPU seconds of a command that has ended."""
        self._cpu += cpu

    def spent(self) -> Usage:
        """Give what was used since this was asked last."""
        usage = Usage(self._cpu, self._memory, self._tasks, self._written())
        self._cpu, self._memory, self._tasks = 0.0, 0, 0
        return usage

    def _anonymous(self) -> int:
        """Add up the memory that is no file's; what processes share after a fork is counted for each."""
        pages = (self._read(f"{number}/statm").split() for number in self._numbers())
        return _PAGE * sum(int(words[1]) - int(words[2]) for words in pages if words)

    def _proportional(self) -> int:
        """Add up the memory of all, each page once: exact and slow (proc(5), smaps_rollup)."""
        found = (_PSS.search(self._read(f"{number}/smaps_rollup")) for number in self._numbers())
        return 1024 * sum(int(match[1]) for match in found if match)

    def _count(self) -> int:
        """Count processes with their threads, as RLIMIT_NPROC does."""
        stats = (self._read(f"{number}/stat").rpartition(b")")[2].split() for number in self._numbers())
        return sum(int(words[17]) for words in stats if words)

    def _numbers(self) -> Iterator[str]:
        """Name every process but process 1, which is ours."""
        with suppress(ProcessLookupError):
            yield from (name for name in os.listdir(self._processes) if name.isdecimal() and name != "1")

    def _read(self, path: str) -> bytes:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._processes)
            with os.fdopen(descriptor, "rb") as file:
                return file.read()
        except (FileNotFoundError, ProcessLookupError):
            return b""  # it has ended

    def _written(self) -> int:
        return max(0, _used(self._root)[0] - self._before)

    def _is_full(self, limits: Limits) -> bool:
        if self._on_disk is None:
            return _is_full(self._root)
        octets, files = _used(self._root)
        grown = _exceed(octets - self._before, files - self._files, limits)
        if not grown and time.monotonic() - self._added_up < _PAUSE:
            return False
        own, number = _size_of(self._on_disk)  # others write to that disk, too
        self._added_up = time.monotonic()
        self._before, self._files = octets - own, files - number
        return _exceed(own, number, limits)


def _directory(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _exceed(octets: int, files: int, limits: Limits) -> bool:
    """Say whether it is more than may be written, or more files: as many as one in memory may have (`inside`)."""
    return octets > limits.disk or files > limits.disk >> 12


def _used(directory: int) -> tuple[int, int]:
    """Give the bytes and the files of a file system."""
    system = os.fstatvfs(directory)
    return (system.f_blocks - system.f_bfree) * system.f_frsize, system.f_files - system.f_ffree


def _is_full(directory: int) -> bool:
    system = os.fstatvfs(directory)
    return system.f_bavail * _FULL < system.f_blocks or system.f_favail == 0


def _size_of(directory: Path) -> tuple[int, int]:
    """Add up what subordinate ids have in a directory: bytes, and files."""
    add_up = "du --summarize --one-file-system --block-size=1 .; du --summarize --one-file-system --inodes ."
    command = entering.mapped(["sh", "-c", add_up])
    said = subprocess.run(command, cwd=directory, env=entering.OUTSIDE, capture_output=True, check=False).stdout
    octets, files = [int(line.split()[0]) for line in said.splitlines()] or [0, 0]
    return octets, files
