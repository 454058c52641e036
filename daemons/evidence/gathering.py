"""The evidence of one upload: from two sources, through the sandbox, to the directory that is put beside the entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from archive import pool
from daemons.building.bases import base
from daemons.building.bases.base import Base
from daemons.building.layers.installing import Keeping
from daemons.building.layers.store import Layer
from daemons.building.layers.stores import Stores
from daemons.building.roots import memory
from daemons.building.roots.following import Watch
from daemons.building.roots.overlay import Overlay
from daemons.evidence import linting, needing, sandbox
from daemons.evidence.linting import Lintian
from daemons.evidence.sandbox import Bounds, Looked
from daemons.sites import Site
from queues import atomic, envelope
from queues.values import Upload
from review.evidence import assembling, diffs, flaws, licences, lintian, tree, upstream
from review.evidence.assembling import Case
from review.evidence.comparing import Compared, Comparison
from review.evidence.pages import INDEX, TEXT
from review.evidence.papers import FACTS
from review.evidence.values import Consequences, Difference, Evidence, Licences, Sign, Trouble, What

LEAST, GROWTH = 1 << 30, 30  # bytes that two trees may take, and how many times those of their packed files
_RAW = "raw"
_OFF = "lintian is switched off"
_TEXT = 1 << 20  # bytes of a small text that are read


class Seen(Struct, frozen=True):
    """What the sandbox gave, read: nothing but the trouble, when there was one."""

    difference: Difference | None = None
    signs: tuple[Sign, ...] = ()
    texts: dict[str, str] = {}
    key: bytes = b""
    licences: Licences | None = None
    warnings: tuple[str, ...] = ()
    trouble: Trouble | None = None


class Gatherer:
    """Gathers for the uploads of one site, one at a time."""

    def __init__(self, site: Site, bounds: Bounds, watch: Watch = lambda: None) -> None:
        self.site = site
        self.bounds = bounds
        self.watch = watch
        build = site.settings.build
        keeping = Keeping(build.layers_size, build.indices_minutes * 60)
        self.lintian = Lintian(site.spool.clock, keeping, bounds.limits, watch)

    def gather(self, upload: Upload, entry: Path, aside: Path, now: datetime) -> Evidence:
        """Gather for an upload, and write what is to be kept into `aside`, a new directory of its own.

        Raises FileNotFoundError when the entry moved on, Broken or BaseFailed when the machine is not ready for it.
        """
        site = self.site
        one = assembling.case(upload, entry, site.suite(upload.suite), site.repository)
        system = self._base(one)
        seen = self._seen(one, system, aside)
        what = assembling.what(one, site.repository, seen.texts, upstream.signature(one.new.files, seen.key, now))
        evidence = Evidence(
            upload=upload.key,
            gathered=now,
            environment=system.path.name,
            who=assembling.who(one, site.spool, site.people, now),
            what=what,
            difference=seen.difference,
            signs=seen.signs,
            lintian=None,
            consequences=self._consequences(one, what, seen),
            trouble=seen.trouble,
            lintian_trouble="" if self.site.settings.evidence.lintian else _OFF,
            awaits_lintian=self.site.settings.evidence.lintian and seen.trouble is None,
            licences=seen.licences,
            flaws=flaws.of_source(one.new.fields, assembling.is_signed(one.new), seen.texts, seen.warnings),
        )
        atomic.disk.create(aside / FACTS, envelope.encode(evidence))
        return evidence

    def lint(self, upload: Upload, entry: Path, found: Evidence) -> Evidence:
        """Let lintian look, too, which takes much longer than all the rest.

        Raises FileNotFoundError when the entry moved on, or the suite holds another version now; Broken or BaseFailed.
        """
        one = assembling.case(upload, entry, self.site.suite(upload.suite), self.site.repository)
        if (one.old.version if one.old else "") != found.what.published:
            raise FileNotFoundError(f"{upload.key} is to be compared anew")
        system = self._base(one)
        tools = self.lintian.over(system) if self.site.settings.evidence.lintian else _OFF
        if isinstance(tools, str):
            return replace(found, awaits_lintian=False, lintian_trouble=tools)
        with self._environment(system, tools, one) as (environment, bounds):
            said = linting.look(environment, one.new.files, _published(one), bounds.limits)
        tags = lintian.read(said.new, said.old)
        return replace(found, awaits_lintian=False, lintian=tags, lintian_trouble=said.trouble)

    def _consequences(self, one: Case, what: What, seen: Seen) -> Consequences:
        found = assembling.consequences(one, what.dropped, self.site.repository)
        if seen.trouble is not None or not self.site.settings.evidence.depends:
            return found
        limits, dsc = self.bounds.limits, one.new.files[0].read_bytes()
        missing = needing.missing(self.site, one.suite, dsc, found.architectures, limits, self.watch)
        return replace(found, missing=missing)

    def _seen(self, one: Case, system: Base, aside: Path) -> Seen:
        raw = aside / _RAW
        atomic.disk.mkdir(raw)
        with self._environment(system, (), one) as (environment, bounds):
            looked = sandbox.look(environment, one.new.files, _published(one), raw, bounds)
        seen = Seen(trouble=looked) if isinstance(looked, Trouble) else _read(looked, aside)
        atomic.remove(raw)
        return seen

    def _base(self, one: Case) -> Base:
        return base.at(self.site.environments / f"{one.suite.base}-{one.suite.builds_on(one.suite.architectures[0])}")

    @contextmanager
    def _environment(self, system: Base, tools: Sequence[Layer], one: Case) -> Iterator[tuple[Overlay, Bounds]]:
        """Make a sandbox for the two sources: in memory, where they will fit."""
        size = sum(path.stat().st_size for path in {*one.new.files, *_published(one)})
        limits = replace(self.bounds.limits, disk=min(self.bounds.limits.disk, LEAST + GROWTH * size))
        with ExitStack() as stack:
            stores = Stores(system.path.parent, self.site.spool.clock)
            on_disk = memory.choose(size, memory.available()).on_disk
            writable = stack.enter_context(stores.writable.aside()) if on_disk else None
            root = Overlay(system, watch=self.watch, layers=tools, writable=writable, limits=limits)
            yield stack.enter_context(root), replace(self.bounds, limits=limits)


def _published(one: Case) -> Sequence[Path]:
    return one.old.files if one.old else ()


def _read(looked: Looked, aside: Path) -> Seen:
    raw = looked.directory
    texts = {name: _text(raw / name) for name in sandbox.TEXTS}
    old, new = (tree.read((raw / name).read_bytes()) for name in sandbox.TREES)
    programs = [path.partition(b"/")[2].decode(errors="replace") for path in _names(raw / "programs")]
    with atomic.disk.open_new(aside / TEXT) as packed, (raw / "diff").open("rb") as text:
        compared = Comparison(old, new, programs, packed).read(diffs.lines(text), whole=looked.whole)
    atomic.disk.sync(aside / TEXT)
    atomic.disk.create(aside / INDEX, envelope.encode(compared.index))
    spdx = licences.named((raw / sandbox.SPDX).read_bytes())
    rights = licences.compare(texts["copyright.old"], texts["copyright.new"], old, new, spdx)
    signs = (*licences.signs(rights), *compared.signs)
    if looked.unreadable:
        signs = (Sign("published", "", f"the published version cannot be unpacked: {looked.unreadable}"), *signs)
    return Seen(
        difference=_difference(compared, aside),
        signs=signs,
        texts=texts,
        key=(raw / sandbox.KEY).read_bytes(),
        licences=rights,
        warnings=looked.warnings,
    )


def _difference(compared: Compared, aside: Path) -> Difference:
    sha256 = pool.digest(aside / TEXT), pool.digest(aside / INDEX)
    return Difference(compared.parts, compared.files, compared.index.lines, compared.index.whole, sha256)


def _names(path: Path) -> list[bytes]:
    return [name for name in path.read_bytes().split(b"\0") if name]


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_TEXT).decode(errors="replace")
