"""Environments that stay until they are stopped, each held by a process of its own.

The directory NAME is locked by its holder: that lock, and nothing else, says that the environment lives. `about.json`
in it says what it is. When the holder dies, however it dies, its environment goes with it, and only an unlocked
directory is left, which the next one of that name takes over.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from daemons.building.roots.overlay import Overlay
from queues import atomic
from queues.problem import Problem

_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")
_ABOUT = "about.json"
_PATIENCE = 30.0  # seconds for a holder to end its environment
_ENDING = (signal.SIGTERM, signal.SIGCHLD)  # the second: process 1 has ended


class NotHeld(Problem):
    """A name that no environment has, or cannot have; says which there are."""


class Held(Struct, frozen=True):
    """An environment that was started; `holder` and `pid` are the processes that hold it, without and within.

    A shell begins in `directory`. `like` is the build that saw the same; the user is told its `variables`, and may use
    the host's network if that build might.
    """

    name: str
    base: str
    architecture: str
    directory: str
    holder: int
    pid: str
    since: datetime
    like: str = ""
    variables: dict[str, str] = {}
    network: bool = False


class Holding:
    """The environments that were started over the bases of a cache."""

    def __init__(self, cache: Path) -> None:
        self.path = cache / "started"

    def listing(self) -> list[Held]:
        """Give every one that lives, by name."""
        if not self.path.is_dir():
            return []
        with self._alone(fcntl.LOCK_SH):
            return [held for path in sorted(self.path.iterdir()) if (held := _read(path))]

    def find(self, name: str) -> Held:
        """Give one by its name. Raises NotHeld."""
        every = self.listing()
        held = next((one for one in every if one.name == name), None)
        if held is None:
            known = ", ".join(one.name for one in every) or "none"
            raise NotHeld(f"no environment '{name}' is started; there are: {known}")
        return held

    @contextmanager
    def named(self, name: str) -> Iterator[Path]:
        """Take a name, as long as this lasts; gives its directory for `hold`. Raises NotHeld when it is taken."""
        place = self._place(name)
        atomic.make(self.path)
        with self._alone():
            atomic.make(place)
            lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if not _locked(lock, fcntl.LOCK_EX):
                os.close(lock)
                raise NotHeld(f"an environment '{name}' is started already: stop it, or choose another name")
            atomic.remove(place / _ABOUT)  # of a dead one
        try:
            yield place
        finally:
            with self._alone():
                atomic.remove(place)
                os.close(lock)

    def stop(self, name: str) -> Held:
        """End one, and wait until nothing of it is left. Raises NotHeld."""
        held = self.find(name)
        with suppress(ProcessLookupError):
            process = os.pidfd_open(held.holder)
            try:
                if self.find(name) == held:  # so the number was its own all the time
                    _end(process)
            finally:
                os.close(process)
        return held

    def _place(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise NotHeld(f"'{name}' is no name for an environment: small letters, digits, and '.', '+', '-' within")
        return self.path / name

    @contextmanager
    def _alone(self, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
        """Take names alone; who only looks at them does it with others."""
        lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, kind)
            yield
        finally:
            os.close(lock)


def hold(place: Path, held: Held, environment: AbstractContextManager[Overlay], ready: Callable[[], object]) -> None:
    """Make an environment, note it, say `ready`, and keep it until SIGTERM, or the end of process 1."""
    with environment as root:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        atomic.replace(place / _ABOUT, msgspec.json.encode(msgspec.structs.replace(held, pid=root.pid)))
        ready()
        if root.lives:
            signal.sigwait(_ENDING)


def _read(place: Path) -> Held | None:
    """Read of an environment whose holder lives and has made it."""
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _locked(lock, fcntl.LOCK_SH):
            return None
        return msgspec.json.decode((place / _ABOUT).read_bytes(), type=Held)
    except FileNotFoundError:
        return None  # it is being made
    finally:
        os.close(lock)


def _end(process: int) -> None:
    signal.pidfd_send_signal(process, signal.SIGTERM)
    if not select.select([process], [], [], _PATIENCE)[0]:
        signal.pidfd_send_signal(process, signal.SIGKILL)  # the kernel ends its environment with it
        select.select([process], [], [], _PATIENCE)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
