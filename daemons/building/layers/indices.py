"""Package lists, fetched once and shared by all environments over a base: those of its mirror, and of our own archives.

They are layers: one of the mirror and of a suite's extra sources, fetched again when it is too old, which also tells
apt of these sources and of what the suite prefers; and over it one for each state of the archives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from daemons.building.bases.base import Base
from daemons.building.environment import Broken, Limits, LocalArchive, Log, Unavailable
from daemons.building.layers import dependencies, resolving
from daemons.building.layers.extra import Extra
from daemons.building.layers.store import Layer, Store
from daemons.building.roots.contents import File
from daemons.building.roots.first import First, Start
from daemons.building.roots.following import Watch
from daemons.building.roots.overlay import Overlay

ROOM = 2 << 30  # bytes that indices may take; one state of Debian's takes 150 MB
_LISTS = "upper/var/lib/apt/lists"
_UNREACHED = Unavailable("apt-get update failed: a mirror cannot be reached, or does not verify")


class Indices:
    """The package lists of a base and of archives; `longest` is how many seconds those of a mirror are believed."""

    def __init__(
        self,
        system: Base,
        archives: Sequence[LocalArchive],
        store: Store,
        longest: float,
        watch: Watch,
        extra: Extra = Extra(),  # noqa: B008 -- it is frozen
        start: Start = First,
    ) -> None:
        self.system = system
        self.archives = archives
        self.store = store
        self.longest = longest
        self.watch = watch
        self.extra = extra
        self.start = start

    def current(self, log: Log, limits: Limits) -> tuple[Layer, ...] | Unavailable:
        """Give the layers that hold them, the topmost first; fetched when they must be. Raises Broken."""
        with self.store.turn(self._origin(), self.watch):
            mirror = self.believed() or self._fetch(log, limits)
        if isinstance(mirror, Unavailable) or not self.archives:
            return mirror if isinstance(mirror, Unavailable) else (mirror,)
        key = f"{mirror.key}.{resolving.archives_key(mirror.key, [_state(one) for one in self.archives])}"
        with self.store.turn(key, self.watch):
            added = self.store.find(key) or self._add(key, mirror, log, limits)
        return added if isinstance(added, Unavailable) else (added, mirror)

    def believed(self) -> Layer | None:
        """Give the mirror's lists, if they are not too old."""
        origin = self._origin()
        own = [layer for layer in self.store.listing() if layer.key.rpartition(".")[0] == origin]
        newest = min(own, key=self.store.age, default=None)
        return self.store.find(newest.key) if newest and self.store.age(newest) < self.longest else None

    def expire(self) -> None:
        """Believe the mirror's lists no longer: what they name could not be had."""
        mirror = self.believed()
        if mirror is not None:
            self.store.expire(mirror)

    def _origin(self) -> str:
        """Give the key of where these lists come from, our own archives aside."""
        return resolving.origin_key(self.system.digest, self.extra.files())

    def _fetch(self, log: Log, limits: Limits) -> Layer | Unavailable:
        with self.store.aside() as aside:
            if not self._run(aside, (), (dependencies.UPDATE, dependencies.PREPARE), log, limits, self.extra.files()):
                return _UNREACHED
            releases = [path.read_bytes() for path in (aside / _LISTS).glob("*Release")]
            key = f"{self._origin()}.{resolving.state_key(self.system.digest, releases)}"
            layer = self.store.keep(aside, key, self.system.path.name, ("lists of the mirror",))
        self.store.renew(layer)
        self.store.trim(ROOM, layer.key)
        return layer

    def _add(self, key: str, mirror: Layer, log: Log, limits: Limits) -> Layer | Unavailable:
        with self.store.aside() as aside:
            commands = (dependencies.UPDATE_ARCHIVES, dependencies.PREPARE)
            if not self._run(aside, (mirror,), commands, log, limits, archives=self.archives):
                return _UNREACHED
            names = tuple(f"lists of {archive.suite} in {archive.root / archive.path}" for archive in self.archives)
            layer = self.store.keep(aside, key, self.system.path.name, names)
        self.store.trim(ROOM, layer.key)
        return layer

    def _run(
        self,
        aside: Path,
        layers: Sequence[Layer],
        commands: Sequence[Sequence[str]],
        log: Log,
        limits: Limits,
        files: Sequence[File] = (),
        archives: Sequence[LocalArchive] = (),
    ) -> bool:
        fresh = Overlay(
            self.system,
            archives,
            files,
            watch=self.watch,
            layers=layers,
            writable=aside,
            user=None,
            start=self.start,
        )
        with fresh as root:
            for command in commands:
                log.write(f"$ {' '.join(command)}\n".encode())
                if not root.administer(command, log=log, limits=limits).well:
                    return False
        return True


def _state(archive: LocalArchive) -> tuple[LocalArchive, bytes, bytes]:
    try:
        return archive, archive.key.read_bytes() if archive.key else b"", archive.release.read_bytes()
    except OSError as error:
        raise Broken(f"{error.filename}: the archive cannot be read: {error.strerror}") from None
