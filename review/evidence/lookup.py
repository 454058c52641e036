"""The two sources that are compared: the uploaded one in its entry, and the one its suite holds, in the pool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from archive import dscfile
from archive.catalogue import Catalogue, highest
from archive.stanzas import Stanza
from queues import control
from queues.entry import FILES
from queues.values import Upload
from review.evidence import packages
from review.evidence.values import Dependent

_RELATIONS = ("Depends", "Pre-Depends")
SOURCE = "src:"  # before the name of a source that needs something to be built


class Source(Struct, frozen=True):
    """A source package: the fields of its .dsc, and where its files are, the .dsc first."""

    version: str
    fields: Mapping[str, str]
    files: tuple[Path, ...]


def uploaded(entry: Path, upload: Upload) -> Source:
    """Give the source of an upload. Raises FileNotFoundError when it moved on, control.Malformed, NotADsc."""
    names = sorted((ref.name for ref in upload.files if not ref.name.endswith((".changes", ".buildinfo"))), key=_order)
    paths = tuple(entry / FILES / name for name in names)
    return Source(upload.version, control.paragraph(dscfile.paragraph(paths[0].read_bytes())), paths)


def signed(entry: Path, upload: Upload) -> Mapping[str, str]:
    """Give the fields of an upload's .changes, whose signature was verified when it was taken."""
    name = next(ref.name for ref in upload.files if ref.name.endswith(".changes"))
    return control.paragraph(dscfile.paragraph((entry / FILES / name).read_bytes()))


def published(catalogue: Catalogue, root: Path, source: str) -> Source | None:
    """Give the source that a suite holds; None when it has none, or its files are gone."""
    stanza = highest(one for one in catalogue.sources() if one.package == source)
    if stanza is None:
        return None
    fields = control.paragraph(stanza.text)
    listed = [line.split() for line in fields.get("Checksums-Sha256", "").splitlines() if line.strip()]
    directory = root / fields.get("Directory", "")
    paths = tuple(directory / name for name in sorted((words[-1] for words in listed), key=_order))
    return Source(stanza.version, fields, paths if all(path.is_file() for path in paths) else ())


def dependents(catalogue: Catalogue, source: str, dropped: frozenset[str]) -> tuple[Dependent, ...]:
    """Give what is published of other sources and needs a package which would be dropped: binaries, then sources."""
    binaries = _wanting(catalogue.binaries(), source, dropped, _RELATIONS) if dropped else ()
    sources = _wanting(catalogue.sources(), source, dropped, packages.NEEDED) if dropped else ()
    built = (Dependent(f"{SOURCE}{one.package}", one.package, one.needs) for one in sources)
    return tuple(dict.fromkeys([*binaries, *built]))


def _wanting(
    stanzas: Iterable[Stanza], source: str, dropped: frozenset[str], relations: Sequence[str]
) -> Iterator[Dependent]:
    for stanza in stanzas:
        if stanza.source != source and any(name.encode() in stanza.text for name in dropped):
            fields = control.paragraph(stanza.text)
            wanted = {word["name"] for name in relations for group in _groups(fields.get(name, "")) for word in group}
            yield from (Dependent(stanza.package, stanza.source, name) for name in sorted(wanted & dropped))


def _groups(field: str) -> list[list[dict[str, str]]]:
    return control.relations(field) if field else []


def _order(name: str) -> tuple[bool, str]:
    return not name.endswith(".dsc"), name
