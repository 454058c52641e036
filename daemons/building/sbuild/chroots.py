"""Chroots as tar archives, for a program that unpacks one for each build: a fresh root with the mirror's lists, packed.

One for each base and state of the mirror's lists. It is kept as a layer that holds nothing but the archive, so an
environment finds it at PLACE, and it is found again, kept while used, and removed as layers are.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from daemons.building.bases.base import Base
from daemons.building.environment import Broken, Limits, Unavailable
from daemons.building.layers.store import Layer, Store
from daemons.building.roots.following import Watch
from daemons.building.roots.overlay import Overlay
from queues import atomic

PLACE = "/chroot.tar"
ROOM = 4 << 30  # bytes that chroots may take; one takes half a GiB
_SPARE = ("/proc/*", "/dev/*", "/tmp/*", "/build/*", "/var/cache/apt/archives/*.deb")
_EXCLUDED = " ".join(f"--exclude='.{path}'" for path in _SPARE)
_PACK = ("sh", "-ec", f"exec tar --create --numeric-owner --directory=/ {_EXCLUDED} . 2>/dev/null")


class Chroots:
    """The chroots over one base."""

    def __init__(self, system: Base, store: Store, watch: Watch) -> None:
        self.system = system
        self.store = store
        self.watch = watch

    def current(self, indices: Sequence[Layer] | Unavailable, limits: Limits) -> Layer | Unavailable:
        """Give the chroot that has the mirror's lists, which are the lowest of `indices`. Raises Broken."""
        if isinstance(indices, Unavailable):
            return indices
        mirror = indices[-1]
        with self.store.turn(mirror.key, self.watch):
            return self.store.find(mirror.key) or self._pack(mirror, limits)

    def _pack(self, mirror: Layer, limits: Limits) -> Layer:
        with self.store.aside() as aside:
            packed = aside / f"upper{PLACE}"
            atomic.disk.mkdir(packed.parent)
            fresh = Overlay(self.system, watch=self.watch, layers=(mirror,))
            with fresh as root, atomic.disk.open_new(packed) as tar:
                ended = root.administer(_PACK, log=tar, limits=replace(limits, output=ROOM))
            if not ended.well:
                raise Broken(f"{self.system.path}: no chroot can be packed: tar ended with {ended.status}")
            layer = self.store.keep(aside, mirror.key, self.system.path.name, ("chroot of sbuild",))
        self.store.trim(ROOM, layer.key)
        return layer
