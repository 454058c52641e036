"""Environments that have the build dependencies of a source: a fresh root over a layer over a base.

Every build finds the same root, whether its layer was there or was made for it: apt runs in an environment of its own,
which has ended when what it changed becomes the layer. A choice of apt's is kept beside the indices it was made from.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from daemons.building.bases.base import Base
from daemons.building.byhand import likeness
from daemons.building.environment import DepWait, Kind, Limits, LocalArchive, Log, Unavailable
from daemons.building.layers import dependencies, resolving
from daemons.building.layers.extra import Extra
from daemons.building.layers.indices import Indices
from daemons.building.layers.resolving import Chosen
from daemons.building.layers.store import Layer
from daemons.building.layers.stores import Stores
from daemons.building.roots import memory
from daemons.building.roots.contents import File
from daemons.building.roots.first import First, Start
from daemons.building.roots.following import Watch
from daemons.building.roots.overlay import Overlay
from queues import atomic
from queues.clock import Clock

T = TypeVar("T")
Trouble = DepWait | Unavailable


class Keeping(Struct, frozen=True):
    """How many bytes dependency layers may take, and for how many seconds the lists of a mirror are believed."""

    layers: int = 10 << 30
    seconds: float = 3600


class Layered:
    """Environments over one base, which see our own archives while dependencies are installed, and only then."""

    def __init__(
        self,
        system: Base,
        archives: Sequence[LocalArchive],
        clock: Clock,
        keeping: Keeping = Keeping(),  # noqa: B008 -- it is frozen
        watch: Watch = lambda: None,
        cache: Path | None = None,
        extra: Extra = Extra(),  # noqa: B008 -- it is frozen
        *,
        network: bool = False,
        start: Start = First,
    ) -> None:
        """Describe them; `watch` is called while a command runs, and what it raises ends that command.

        Layers are kept in `cache`, else beside the base. Dependencies come from the base's mirror, our own archives and
        `extra`. With `network`, builds may use the host's. `start` gives the first process of each environment.
        """
        self.system = system
        self.archives = archives
        self.keeping = keeping
        self.watch = watch
        self.network = network
        self.start = start
        self.stores = Stores(cache or system.path.parent, clock)
        self.indices = Indices(system, archives, self.stores.indices, keeping.seconds, watch, extra, start)

    def install(
        self, dsc: Path, kind: Kind, profiles: Sequence[str] = (), *, size: int, log: Log, limits: Limits
    ) -> AbstractContextManager[Overlay] | Trouble:
        """Give an environment with the build dependencies of a .dsc. Raises NotADsc, Malformed, Broken."""
        self.stores.sweep()
        log.write(likeness.of_base(self.system.path.name))
        found = self.layers(Needs(resolving.needed(dsc.read_bytes()), kind, tuple(profiles)), log, limits)
        if isinstance(found, Unavailable):
            self.indices.expire()
        if not isinstance(found, tuple):
            return found
        return self.over(found, size, log, limits)

    def over(self, layers: Sequence[Layer], size: int, log: Log, limits: Limits) -> AbstractContextManager[Overlay]:
        """Give an environment over layers, the topmost first, for a source of so many bytes. Raises Broken."""
        room = memory.choose(size, memory.available())
        log.write(f"{room.reason}\n".encode())
        return self._environment(layers, limits, on_disk=room.on_disk)

    @contextmanager
    def _environment(self, layers: Sequence[Layer], limits: Limits, *, on_disk: bool) -> Iterator[Overlay]:
        with ExitStack() as stack:
            writable = stack.enter_context(self.stores.writable.aside()) if on_disk else None
            root = Overlay(
                self.system,
                watch=self.watch,
                layers=layers,
                writable=writable,
                limits=limits,
                network=self.network,
                start=self.start,
            )
            yield stack.enter_context(root)

    def choose(self, needs: Needs, log: Log, limits: Limits) -> Chosen | Trouble:
        """Give what apt would install. Raises Broken."""
        apt = self._apt(needs, log, limits)
        return apt.choose() if isinstance(apt, _Apt) else apt

    def layers(self, needs: Needs, log: Log, limits: Limits) -> tuple[Layer, ...] | Trouble:
        """Give the layers that hold what is needed, found or made now. Raises Broken."""
        apt = self._apt(needs, log, limits)
        if isinstance(apt, Unavailable):
            return apt
        choice = apt.choose()
        if not isinstance(choice, Chosen):
            return choice
        if choice.nothing:
            log.write(likeness.of_choice("", choice, ""))
            return ()
        layer = self._layer(choice, apt, log)
        return (layer,) if isinstance(layer, Layer) else layer

    def _apt(self, needs: Needs, log: Log, limits: Limits) -> _Apt | Unavailable:
        indices = self.indices.current(log, limits)
        return indices if isinstance(indices, Unavailable) else _Apt(self, indices, needs, log, limits)

    def _layer(self, choice: Chosen, apt: _Apt, log: Log) -> Layer | Trouble:
        key, store = resolving.layer_key(self.system.digest, choice), self.stores.layers
        with store.turn(key, self.watch):
            layer = store.find(key)
            log.write(likeness.of_choice(key, choice, "warm" if layer else "cold"))
            return layer or apt.make(key, choice)


class Needs(Struct, frozen=True):
    """What a build needs: a .dsc of build dependency fields alone, for which packages, under which profiles."""

    dsc: bytes
    kind: Kind
    profiles: tuple[str, ...] = ()

    def command(self, *, choosing: bool = False) -> tuple[str, ...]:
        """Give apt's command, which installs, or only says what it would install."""
        return dependencies.build_dep(self.kind, self.profiles, choosing=choosing)


class _Apt:
    """Apt in environments over indices, for one source."""

    def __init__(self, of: Layered, indices: Sequence[Layer], needs: Needs, log: Log, limits: Limits) -> None:
        self.of = of
        self.indices = indices
        self.needs = needs
        self.log = log
        self.limits = limits

    def choose(self) -> Chosen | Trouble:
        """Give what apt would install; from a former answer where nothing changed since."""
        command = self.needs.command(choosing=True)
        states = [layer.key for layer in self.indices]
        key = resolving.choice_key(self.of.system.digest, states, command, self.needs.dsc)
        kept = self.indices[0].path / "choices" / f"{key}.json"
        with suppress(FileNotFoundError):
            return msgspec.json.decode(kept.read_bytes(), type=Chosen)
        with self.of.stores.indices.turn(key, self.of.watch):
            answer = self._ask(command)
            if isinstance(answer, Chosen):
                atomic.make(kept.parent)
                atomic.replace(kept, msgspec.json.encode(answer))
        return answer

    def _ask(self, command: Sequence[str]) -> Chosen | Trouble:
        said = _Copying(self.log)
        with self._root() as root:
            ended = root.administer(command, log=said, limits=self.limits)
            self._account_for(root)
        if not ended.well:
            return dependencies.unresolved(said.text)
        choice = resolving.chosen(said.text, self.of.system.architecture)
        unknown = resolving.unidentified(choice)
        return Unavailable(f"{unknown}: the package lists have no SHA256 of it") if unknown else choice

    def make(self, key: str, choice: Chosen) -> Layer | Trouble:
        """Install, and keep what that changed as a layer."""
        store = self.of.stores.layers
        with store.aside() as aside:
            with self._root(aside) as root:
                trouble = self._install(root)
            if trouble is not None:
                return trouble
            layer = store.keep(aside, key, self.of.system.path.name, choice.in_words)
        for gone in store.trim(self.of.keeping.layers, key):
            self.log.write(f"removed layer {gone.key}, used last {gone.used:%Y-%m-%d %H:%M} UTC: no room\n".encode())
        return layer

    def _install(self, root: Overlay) -> Trouble | None:
        command, said = self.needs.command(), _Copying(self.log)
        self.log.write(f"$ {' '.join(command)}\n".encode())
        ended = root.administer(command, log=said, limits=self.limits)
        self._account_for(root)
        if ended.how != "itself":
            return Unavailable(f"the installation was ended ({ended.how})")
        if not ended.well:
            return dependencies.not_installed(said.text)
        root.seal()
        cleaned = root.administer(dependencies.CLEAN, log=self.log)
        return None if cleaned.well else Unavailable("what the installation left cannot be removed")

    def _account_for(self, root: Overlay) -> None:
        self.log.write(f"{root.spent().in_words}\n".encode())

    def _root(self, writable: Path | None = None) -> Overlay:
        of, files = self.of, [File(dependencies.NEEDED, self.needs.dsc)]
        return Overlay(
            of.system, of.archives, files, of.watch, self.indices, writable, None, self.limits, start=of.start
        )


class _Copying:
    """A log that also remembers what went through it."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.copy = io.BytesIO()

    @property
    def text(self) -> str:
        """What went through it."""
        return self.copy.getvalue().decode(errors="replace")

    def write(self, data: bytes) -> None:
        self.copy.write(data)
        self.log.write(data)

    def flush(self) -> None:
        self.log.flush()
