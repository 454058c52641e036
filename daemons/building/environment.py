"""What an environment is to those who use it: one fresh root, and what can be said of work done there.

Values and a protocol only. A build, or a program that gathers evidence, is given an environment and never makes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from queues.problem import Problem
from queues.values import FileRef

Kind = Literal["arch", "indep"]
Reached = Literal["time", "idle", "output", "memory", "processes", "disk", "shm"]  # the limit at which it was ended
DIRECTORY = "/build"  # where sources are brought to, and results are found


class Broken(Problem):
    """An environment that cannot be made, or that is no more: the machine's fault, never the package's."""


class Refused(Problem):
    """A result that is not taken out: not there, not a regular file, or too large."""


class Limits(Struct, frozen=True):
    """How much one command may use, all it starts included; `disk` and `shm` are the environment's.

    Seconds, seconds without a word, bytes of output and of all files collected, bytes of memory (of processes, besides
    what is written), processes with their threads, bytes written, bytes in /dev/shm.
    """

    seconds: float = 4 * 3600
    idle: float = 3600
    output: int = 1 << 30
    results: int = 16 << 30
    memory: int = 8 << 30
    processes: int = 4096
    disk: int = 32 << 30
    shm: int = 1 << 30

    @property
    def in_words(self) -> str:
        """Say them, and what sees to them, for a log."""
        return (
            f"limits: {self.seconds:g} s, {self.idle:g} s without output, {in_mib(self.output)} of log, "
            f"{in_mib(self.memory)} of memory (sampled), {self.processes} processes (sampled; rlimit), "
            f"{in_mib(self.disk)} of disk (tmpfs size, or sampled), {in_mib(self.shm)} in /dev/shm (tmpfs size)"
        )


class Usage(Struct, frozen=True):
    """What was used: CPU seconds of commands; memory in bytes and processes at most; bytes written that are there."""

    cpu: float = 0.0
    memory: int = 0
    processes: int = 0
    disk: int = 0

    @property
    def in_words(self) -> str:
        """Say it for a log."""
        return (
            f"used: CPU {self.cpu:.2f} s, memory {in_mib(self.memory)}, disk {in_mib(self.disk)}, "
            f"{self.processes} processes"
        )


def in_mib(octets: int) -> str:
    """Give bytes in MiB."""
    return f"{octets >> 20} MiB"


class LocalArchive(Struct, frozen=True):
    """A suite of an archive on this machine, whose binaries may be installed as build dependencies.

    `root` is the document root, `path` the directory below it that holds `dists`, empty for the root itself. Without a
    `key` it is not signed, and trusted as it lies.
    """

    root: Path
    suite: str
    components: tuple[str, ...]
    key: Path | None
    path: str = ""

    @property
    def release(self) -> Path:
        """The file that vouches for all others, by their hashes."""
        return self.root / self.path / "dists" / self.suite / ("InRelease" if self.key else "Release")


class DepWait(Struct, frozen=True):
    """Build dependencies that cannot be installed now; `missing` names them as the source does."""

    missing: str


class Unavailable(Struct, frozen=True):
    """The mirror or the machine failed; the package can do nothing about it."""

    reason: str


class Ended(Struct, frozen=True):
    """How a command ended: by itself with `status`, by a signal from elsewhere, or at a limit; and its CPU seconds."""

    status: int
    how: Literal["itself", "killed"] | Reached = "itself"
    cpu: float = 0.0

    @property
    def well(self) -> bool:
        """Say whether it did what it was to do."""
        return self.how == "itself" and self.status == 0


class Log(Protocol):
    """What takes the output of commands."""

    def write(self, data: bytes, /) -> object:
        """Add bytes."""

    def flush(self) -> object:
        """Let readers see them."""


class Environment(Protocol):
    """One fresh root; leaving it destroys all of it. First `bring`, then `run`, then `collect`."""

    @property
    def walls(self) -> str:
        """Say what the kernel itself holds it to, for a log."""

    def bring(self, files: Sequence[Path]) -> None:
        """Copy files into DIRECTORY. Raises Broken."""

    def run(
        self,
        argv: Sequence[str],
        *,
        log: Log,
        limits: Limits,
        directory: str = DIRECTORY,
        variables: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run a command as a plain user without capabilities, and without network unless allowed. Raises Broken."""

    def spent(self) -> Usage:
        """Give what was used since this was asked last."""

    def collect(self, names: Sequence[str], into: Path, limits: Limits) -> tuple[FileRef, ...]:
        """Copy files of these names out of DIRECTORY. Raises Refused, Broken."""


class Environments(Protocol):
    """Where environments come from."""

    def install(
        self, dsc: Path, kind: Kind, profiles: Sequence[str] = (), *, size: int, log: Log, limits: Limits
    ) -> AbstractContextManager[Environment] | DepWait | Unavailable:
        """Give an environment, to be entered, that has the build dependencies of a .dsc under these build profiles.

        `size` is its source's, in bytes. Raises NotADsc, Malformed, Broken.
        """
