"""Layers kept in a cache: directories of subordinate ids, found by a key, made aside, renamed, and never changed.

A layer is a directory KEY of a store. `upper` in it is what an environment changed (overlayfs), and is laid under other
environments; `about.json` says what it is for. The time of the directory is when it was used last; that of
`about.json` is when it was last known to be true. A layer that is used is locked, shared; so is what is made aside.
What a dead process left aside has no lock, and is removed by the next one who comes.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from daemons.building.bases import unpacking
from daemons.building.environment import Broken
from daemons.building.roots import entering
from queues import atomic
from queues.clock import Clock

_ASIDE, _ABOUT = ".making", "about.json"
_LOOK = 0.2  # seconds between two looks whether it is our turn
# What overlayfs needs only while it is mounted goes; the rest is on disk before it gets its name.
_SEAL = "rm -rf work; sync --file-system upper; du --summarize --block-size=1 upper | cut -f 1"


class About(Struct, frozen=True):
    """Over which base a layer lies, what is in it, in words, and how many bytes it takes."""

    base: str
    what: tuple[str, ...]
    size: int


class Layer(Struct, frozen=True):
    """One layer; `path` is its directory in the store."""

    key: str
    path: Path
    about: About
    used: datetime
    known: datetime

    @property
    def upper(self) -> Path:
        """Where its files are."""
        return self.path / "upper"

    def hold(self) -> int:
        """Keep it from being removed until the descriptor given here is closed. Raises Broken."""
        try:
            return _locked(self.path, fcntl.LOCK_SH)
        except OSError:
            raise Broken(f"{self.path}: this layer was removed just now") from None


class Store:
    """The layers of one directory, which is made when it is missing."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.aside_of_all = path / _ASIDE
        self.clock = clock

    def listing(self) -> list[Layer]:
        """Give every layer, the one used last first."""
        paths = self.path.glob(f"[!.]*/{_ABOUT}") if self.path.is_dir() else []
        found = [layer for path in paths if (layer := self._read(path.parent))]
        return sorted(found, key=lambda layer: layer.used, reverse=True)

    def find(self, key: str) -> Layer | None:
        """Give the layer of a key, which counts as used now; None when there is none."""
        layer = self._read(self.path / key)
        if layer is not None:
            self._set_time(layer.path)
        return layer

    @contextmanager
    def aside(self) -> Iterator[Path]:
        """Give an empty directory that subordinate ids may write to, and that is gone in the end unless it was kept."""
        with self._alone():
            self._sweep()
            _scatter(self.aside_of_all)
            path = self.aside_of_all / secrets.token_hex(8)
            atomic.disk.mkdir(path, 0o777)  # nobody else gets in, for the directory above is closed
            lock = _locked(path, fcntl.LOCK_SH)
        try:
            yield path
        finally:
            unpacking.discard(path)
            os.close(lock)

    def keep(self, aside: Path, key: str, base: str, what: tuple[str, ...]) -> Layer:
        """Make a layer of what an environment, ended by now, has written aside; one made meanwhile wins."""
        done = subprocess.run(
            entering.mapped(["sh", "-ec", _SEAL]), cwd=aside, env=entering.OUTSIDE, capture_output=True, check=False
        )
        if done.returncode != 0:
            raise Broken(
                f"{self.path / key}: this layer cannot be kept: {done.stderr.decode(errors='replace').strip()}"
            )
        about = About(base, what, int(done.stdout))
        atomic.disk.create(aside / _ABOUT, msgspec.json.encode(about), 0o644)
        os.chmod(aside, 0o755)
        with suppress(OSError):
            atomic.move(aside, self.path / key)
        layer = self.find(key)
        if layer is None:
            raise Broken(f"{self.path / key}: this layer cannot be kept")
        return layer

    @contextmanager
    def turn(self, key: str, watch: Callable[[], object]) -> Iterator[None]:
        """Wait until nobody else makes this key; `watch` is called meanwhile. To make it twice would do no harm."""
        atomic.make(self.aside_of_all, 0o700)
        path = self.aside_of_all / f"{key}.turn"
        lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _got(lock):
                watch()
                time.sleep(_LOOK)
            yield
            path.unlink(missing_ok=True)
        finally:
            os.close(lock)

    def trim(self, limit: int, keep: str = "") -> list[Layer]:
        """Remove the layers used longest ago, but neither `keep` nor what is in use, until all take `limit` bytes."""
        layers, gone = self.listing(), []
        total = sum(layer.about.size for layer in layers)
        for layer in reversed(layers):
            if total > limit and layer.key != keep and self.remove(layer):
                total -= layer.about.size
                gone.append(layer)
        return gone

    def remove(self, layer: Layer) -> bool:
        """Remove a layer; say whether it was possible, for one in use stays."""
        atomic.make(self.aside_of_all, 0o700)
        try:
            lock = _locked(layer.path, fcntl.LOCK_EX)
        except OSError:
            return False
        gone = self.aside_of_all / f"{layer.key}.{secrets.token_hex(4)}"
        try:
            atomic.disk.rename(layer.path, gone)
            _discard(gone)
        finally:
            os.close(lock)
        return True

    def renew(self, layer: Layer) -> None:
        """Note that a layer is true now."""
        self._set_time(layer.path / _ABOUT)

    def expire(self, layer: Layer) -> None:
        """Note that a layer is not known to be true any more."""
        os.utime(layer.path / _ABOUT, (0, 0))

    def age(self, layer: Layer) -> float:
        """Give the seconds since a layer was known to be true."""
        return (self.clock() - layer.known).total_seconds()

    def sweep(self) -> None:
        """Remove what dead processes left aside."""
        if self.aside_of_all.is_dir():
            with self._alone():
                self._sweep()

    def _sweep(self) -> None:
        for path in self.aside_of_all.iterdir():
            with suppress(OSError):  # it lives, or dies at this very moment: the next one gets it
                lock = _locked(path, fcntl.LOCK_EX)
                try:
                    _discard(path)
                finally:
                    os.close(lock)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        atomic.make(self.aside_of_all, 0o700)
        lock = os.open(self.aside_of_all, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _read(self, path: Path) -> Layer | None:
        try:
            about = msgspec.json.decode((path / _ABOUT).read_bytes(), type=About)
            return Layer(path.name, path, about, _changed(path), _changed(path / _ABOUT))
        except FileNotFoundError:
            return None

    def _set_time(self, path: Path) -> None:
        now = self.clock().timestamp()
        with suppress(FileNotFoundError):
            os.utime(path, (now, now))


def _scatter(directory: Path) -> None:
    """Let ext4 lay what is made in a directory where there is room, not beside it, where it may have to look for long.

    In a full corner of a disk each new file costs up to a millisecond of CPU (the attribute T of chattr(1)).
    """
    with suppress(FileNotFoundError):
        subprocess.run(["chattr", "+T", directory], env=entering.OUTSIDE, capture_output=True, check=False)


def _discard(path: Path) -> None:
    os.chmod(path, 0o777)  # `upper` may be closed to us: subordinate ids must be able to remove it
    unpacking.discard(path)


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _locked(path: Path, how: int) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _got(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
