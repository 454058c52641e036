"""What is brought to be included, read and checked: a source, its results, or both.

The fields come from `archive.reading`; what a build may not have made is refused by `archive.results`. The outcome is
an `Arrival` for the decision, and the files for the pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from archive import descriptions, pool, reading, results, stanzas
from archive.catalogue import debug_of
from archive.inclusion import Arrival, Built
from archive.pool import Pool
from archive.reading import Fields
from queues.names import SOURCE, VERSION
from queues.values import BuildResult, FileRef, Suite, Upload

_LISTS = {"Files": "md5", "Checksums-Sha1": "sha1", "Checksums-Sha256": "sha256"}


class Unfit(ValueError):
    """Files that may not be included; the message names one and says why."""


class Material(NamedTuple):
    """A file and what it must be."""

    ref: FileRef
    path: Path


class Delivery(Struct, frozen=True):
    """The files of one source: `sources` may be empty, `results` has the .debs of each architecture built.

    `source` and `version` are what was accepted, `component` where; all empty when an operator puts files in directly.
    """

    sources: tuple[Material, ...]
    results: tuple[tuple[str, tuple[Material, ...]], ...]
    source: str = ""
    version: str = ""
    component: str = ""

    @property
    def packages(self) -> tuple[str, ...]:
        """Name the .debs, as `PACKAGE_VERSION_ARCHITECTURE`."""
        return tuple(material.ref.name.removesuffix(".deb") for _, found in self.results for material in found)


class Checked(NamedTuple):
    """A delivery that passed: what the decision needs, and what goes into the pool."""

    arrival: Arrival
    members: tuple[pool.Member, ...]


def of_upload(upload: Upload, files: Path, built: Sequence[tuple[BuildResult, Path]]) -> Delivery:
    """Take an accepted upload and its results; each path is the `files` directory of an entry."""
    sources = tuple(Material(ref, files / ref.name) for ref in upload.files)
    found = tuple(
        (result.job.architecture, tuple(Material(ref, path / ref.name) for ref in result.files if is_deb(ref.name)))
        for result, path in built
        if result.verdict == "built"
    )
    return Delivery(sources, found, upload.source, upload.version, upload.component)


def of_files(paths: Sequence[Path]) -> Delivery:
    """Take files that an operator puts in directly; a .deb's file name says its architecture."""
    materials = [Material(FileRef(path.name, path.stat().st_size, pool.digest(path)), path) for path in paths]
    debs: dict[str, list[Material]] = {}
    for material in materials:
        if is_deb(material.ref.name):
            debs.setdefault(architecture_of(material.ref.name), []).append(material)
    sources = tuple(material for material in materials if not is_deb(material.ref.name))
    return Delivery(sources, tuple((architecture, tuple(found)) for architecture, found in sorted(debs.items())))


def check(delivery: Delivery, suite: Suite, kept: Pool) -> Checked:
    """Read the files and check them; files of the source that the pool has need not be brought. Raises Unfit."""
    dscs = [material for material in delivery.sources if material.ref.name.endswith(".dsc")]
    debs = [(architecture, material) for architecture, found in delivery.results for material in found]
    if len(dscs) > 1 or not (dscs or debs):
        raise Unfit("the files of one source are included at a time: one .dsc, or .debs, or both")
    try:
        fields = reading.read([material.path for material in (*dscs, *(material for _, material in debs))])
        return checked(delivery, suite, kept, dscs, fields)
    except (reading.Unreadable, stanzas.Malformed) as error:
        raise Unfit(str(error)) from None


def checked(
    delivery: Delivery, suite: Suite, kept: Pool, dscs: Sequence[Material], fields: Sequence[Fields]
) -> Checked:
    """Check a delivery whose fields these are, those of its .dsc first. Raises Unfit, Malformed."""
    dsc, controls = (fields[0] if dscs else {}), fields[len(dscs) :]
    source, version = _identity(delivery, dsc, controls)
    section = _section(dsc)
    component = delivery.component or results.component_of(section)
    binaries, members = _binaries(
        delivery, suite, results.declared_by(dsc) if dscs else None, (source, version), controls
    )
    stanza = None
    if dscs:
        home = pool.directory(component, source)
        stanza = stanzas.source(dsc, home, section, _digests(dscs[0]))
        members += [pool.Member(home, *material) for material in _source_files(delivery, dscs[0], dsc, kept)]
    # Of .debs alone nobody knows whether they are all that was built.
    built = frozenset(architecture for architecture, _ in delivery.results if dscs)
    declared = results.declared_by(dsc) if dscs else frozenset[str]()
    meant_for = dsc.get("Architecture", "")
    arrival = Arrival(source, version, component, stanza, meant_for, built, tuple(binaries), declared)
    return Checked(arrival, tuple(members))


def _identity(delivery: Delivery, dsc: Fields, controls: Sequence[Fields]) -> tuple[str, str]:
    found = (dsc.get("Source", ""), dsc.get("Version", "")) if dsc else source_of(controls[0])
    if delivery.source and found != (delivery.source, delivery.version):
        raise Unfit(f"the .dsc is of {' '.join(found)}, the upload of {delivery.source} {delivery.version}")
    if not (SOURCE.fullmatch(found[0]) and VERSION.fullmatch(found[1])):
        raise Unfit(f"{' '.join(found)!r}: not a source and its version")
    return found


def source_of(control: Fields) -> tuple[str, str]:
    """Give source and version that a .deb says it was built of. Raises Unfit, Malformed."""
    if not {"Package", "Version"} <= control.keys():
        raise Unfit("a .deb without Package or Version")
    return stanzas.source_of(control)


def _binaries(
    delivery: Delivery, suite: Suite, declared: frozenset[str] | None, of: tuple[str, str], controls: Sequence[Fields]
) -> tuple[list[Built], list[pool.Member]]:
    debs = [(architecture, material) for architecture, found in delivery.results for material in found]
    found = [
        binary(material, fields, suite, results.Expected(*of, architecture, declared))
        for (architecture, material), fields in zip(debs, controls, strict=True)
    ]
    return [built for built, _ in filter(None, found)], [member for _, member in filter(None, found)]


def binary(
    material: Material, fields: Fields, suite: Suite, expected: results.Expected
) -> tuple[Built, pool.Member] | None:
    """Check a .deb whose control fields these are; None when the suite drops it. Raises Unfit, Malformed."""
    objection = results.objection(material.ref.name, fields, expected)
    if objection:
        raise Unfit(objection)
    dist = debug_of(suite) if results.is_debug(fields) else suite.name
    if not dist:
        return None
    component = results.component_of(fields.get("Section", ""))
    home, ref = pool.directory(component, expected.source), material.ref
    stanza = stanzas.binary(fields, f"{home}/{ref.name}", ref.size, ref.sha256)
    parted = descriptions.part(stanza) if suite.translations else descriptions.Parted(stanza, None)
    return Built(dist, component, *parted), pool.Member(home, *material)


def _source_files(delivery: Delivery, dsc: Material, fields: Fields, kept: Pool) -> list[Material]:
    brought = {material.ref.name: material for material in delivery.sources}
    found = [dsc]
    for ref in listed(fields):
        material = brought.get(ref.name)
        path = kept.find(ref.name, ref.size, ref.sha256) if material is None else None
        if material is None and path is None:
            raise Unfit(f"{ref.name}: named by {dsc.ref.name}, neither brought nor in the pool; add the file")
        if material and material.ref != ref:
            raise Unfit(f"{ref.name}: not the file that {dsc.ref.name} names ({ref.sha256})")
        found.append(material or Material(ref, path or Path()))
    return found


def listed(dsc: Fields) -> list[FileRef]:
    """Give the files that a .dsc names. Raises Unfit."""
    lines = [line.split() for line in dsc.get("Checksums-Sha256", "").splitlines() if line.strip()]
    if not lines or any(len(line) != 3 or not line[1].isdecimal() for line in lines):
        raise Unfit(f"{dsc.get('Source')}: its .dsc has no whole list Checksums-Sha256")
    return [FileRef(name, int(size), sha256) for sha256, size, name in lines]


def _digests(dsc: Material) -> Mapping[str, str]:
    name, size = dsc.ref.name, dsc.ref.size
    return {field: f"{pool.digest(dsc.path, algorithm)} {size} {name}" for field, algorithm in _LISTS.items()}


def _section(dsc: Fields) -> str:
    listed = [line.split() for line in dsc.get("Package-List", "").splitlines() if line.strip()]
    return listed[0][2] if listed and len(listed[0]) > 2 else "misc"


def architecture_of(name: str) -> str:
    """Give the architecture that the file name of a .deb says."""
    return name.removesuffix(".deb").rpartition("_")[2]


def is_deb(name: str) -> bool:
    """Say whether a file is a binary package, by its name."""
    return name.endswith(".deb")
