"""An environment as a writable layer over an unpacked base, and layers between them, in namespaces of its own.

Unprivileged: only subordinate ids of the account that starts it are mapped. Commands enter from outside, each with its
own pipe; nothing inside ever holds a file or directory of the host. It leaves nothing: when process 1 ends, which it
does with the process that made it, the kernel ends every process inside and drops every mount.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from daemons.building.bases.base import Base
from daemons.building.environment import DIRECTORY, Broken, Ended, Limits, LocalArchive, Log, Reached, Usage
from daemons.building.layers.store import Layer
from daemons.building.roots import collecting, contents, entering, following, memory
from daemons.building.roots.first import First, Start
from daemons.building.roots.meter import Meter
from queues.values import FileRef

_RESOLVER = Path("/etc/resolv.conf")
_QUICK = Limits(seconds=120, output=1 << 20)


class Overlay:
    """One fresh root; made by entering it, destroyed by leaving it."""

    def __init__(
        self,
        base: Base,
        archives: Sequence[LocalArchive] = (),
        files: Sequence[contents.File] = (),
        watch: following.Watch = lambda: None,
        layers: Sequence[Layer] = (),
        writable: Path | None = None,
        user: contents.User | None = contents.User(),  # noqa: B008 -- it is frozen
        limits: Limits = Limits(),  # noqa: B008 -- it is frozen
        *,
        network: bool = False,
        start: Start = First,
    ) -> None:
        """Describe it; `watch` is called while a command runs, and what it raises ends that command.

        `layers` lie over the base, the topmost first. What is written goes to memory, or to `upper` in `writable`; how
        much, `limits` says. With `network`, builds may use the host's. `start` gives process 1, which is used once.
        """
        self.base = base
        self.archives = archives
        self.files = files
        self.watch = watch
        self.layers = layers
        self.writable = writable
        self.user = user
        self.limits = limits
        self.network = network
        self.start = start
        self._stack = ExitStack()
        self._first: First
        self._meter: Meter

    def __enter__(self) -> Self:
        """Make it. Raises Broken, BaseInUse."""
        try:
            self._stack.callback(os.close, self.base.hold())
            for layer in self.layers:
                self._stack.callback(os.close, layer.hold())
            self._first = self.start()
            self._stack.callback(self._first.end)
            self._first.make(self._description())
            self._first.group.limit(self._memory(), 2 * self.limits.processes)
            self._meter = Meter(self.pid, self.writable)
            self._stack.callback(self._meter.close)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Destroy it."""
        self._stack.close()

    @property
    def pid(self) -> str:
        """The number of process 1 as this machine knows it."""
        return self._first.pid

    @property
    def lives(self) -> bool:
        """Say whether process 1 has not ended."""
        return self._first.lives

    @property
    def walls(self) -> str:
        """Say what the kernel itself sees to, for a log."""
        return self._first.group.in_words

    def _memory(self) -> int:
        """Give the bytes that a control group may hold: what is written to memory counts there, too."""
        written = 0 if self.writable else memory.size(self.limits.disk)
        return self.limits.memory + written + self.limits.shm

    def _description(self) -> contents.Description:
        return msgspec.structs.replace(
            contents.describe(_with_keys(self.archives), _resolver(), self.files),
            base=str(self.base.path),
            layers=tuple(str(layer.upper) for layer in self.layers),
            writable=str(self.writable or ""),
            size=memory.size(self.limits.disk),
            shm=self.limits.shm,
            network=self.network,
            user=self.user,
        )

    def bring(self, files: Sequence[Path]) -> None:
        """Copy files into DIRECTORY, readable by all. Raises Broken."""
        for path in files:
            with path.open("rb") as file:
                argv = entering.as_user(self.pid, self.base.architecture, DIRECTORY, ["tee", path.name])
                ended = subprocess.run(
                    argv,
                    env=entering.INSIDE,
                    stdin=file,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    check=False,
                )
            if ended.returncode != 0:
                raise Broken(f"{path} cannot be copied into an environment: {ended.stderr.decode(errors='replace')}")

    def administer(self, argv: Sequence[str], *, log: Log, limits: Limits = _QUICK) -> Ended:
        """Run a command as root inside, with the host's network; only before the first `run`. Raises Broken."""
        variables = {**entering.INSIDE, "DEBIAN_FRONTEND": "noninteractive"}
        return self._follow(entering.as_root(self.pid, self.base.architecture, "/", argv), variables, log, limits)

    def run(
        self,
        argv: Sequence[str],
        *,
        log: Log,
        limits: Limits,
        directory: str = DIRECTORY,
        variables: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run a command as the plain user, alone: whatever ran before is ended. Raises Broken."""
        self.seal()
        inside = {**entering.INSIDE, "USER": "build", "LOGNAME": "build", **(variables or {})}
        enter = entering.as_user(self.pid, self.base.architecture, directory, argv, network=self.network)
        return self._follow(enter, inside, log, limits)

    def collect(self, names: Sequence[str], into: Path, limits: Limits) -> tuple[FileRef, ...]:
        """Copy files of these names out of DIRECTORY, when nothing runs any more. Raises Refused, Broken."""
        self.seal()
        return collecting.copy_out(self.pid, DIRECTORY, names, into, limits.results)

    def spent(self) -> Usage:
        """Give what was used since this was asked last."""
        return self._meter.spent()

    def seal(self) -> None:
        """End every process inside, and hide what only the installation may see. Raises Broken."""
        self._first.seal()

    def _follow(self, argv: list[str], variables: Mapping[str, str], log: Log, limits: Limits) -> Ended:
        def look() -> Reached | None:
            self.watch()
            return self._meter.look(limits)

        group = self._first.group
        command = group.joining([*entering.limited(limits), *argv])
        ended = following.follow(command, variables, log, limits, self.seal, look)
        self._meter.spend(ended.cpu)
        if not ended.well and group.ran_out_of_memory():
            return Ended(ended.status, "memory", ended.cpu)
        if not self.lives:
            return Ended(ended.status, "killed")
        return ended


def _with_keys(archives: Sequence[LocalArchive]) -> list[tuple[LocalArchive, bytes]]:
    try:
        return [(archive, archive.key.read_bytes() if archive.key else b"") for archive in archives]
    except OSError as error:
        raise Broken(f"{error.filename}: the archive's key cannot be read: {error.strerror}") from None


def _resolver() -> bytes:
    try:
        return _RESOLVER.read_bytes()
    except OSError:
        return b""
