"""All that is kept beside the bases of a cache: layers, package lists, chroots, and writable layers of builds."""

from __future__ import annotations

from pathlib import Path

from daemons.building.layers.store import Layer, Store
from queues.clock import Clock


class Stores:
    """What is kept beside the bases of a cache."""

    def __init__(self, cache: Path, clock: Clock) -> None:
        self.layers = Store(cache / "layers", clock)
        self.indices = Store(cache / "indices", clock)
        self.chroots = Store(cache / "chroots", clock)
        self.writable = Store(cache / "writable", clock)

    def sweep(self) -> None:
        """Remove what dead processes left."""
        for store in (self.layers, self.indices, self.chroots, self.writable):
            store.sweep()

    def listing(self) -> list[Layer]:
        """Give every layer, every package list and every chroot, each kind with the one used last first."""
        return [*self.layers.listing(), *self.indices.listing(), *self.chroots.listing()]

    def forget(self, base: str) -> None:
        """Remove every layer over a base, by its name, but what is in use."""
        for store in (self.layers, self.indices, self.chroots):
            for layer in store.listing():
                if layer.about.base == base:
                    store.remove(layer)

    def empty(self) -> list[Layer]:
        """Remove every layer that no environment uses, lists included, and give them."""
        self.sweep()
        return [*self.layers.trim(0), *self.indices.trim(0), *self.chroots.trim(0)]
