"""Stanzas: the paragraphs of Packages and Sources, as bytes and the few fields that decisions need.

Index text stays bytes: a published stanza is cut out and put back as it is, and only a new one is rendered.

Sources: deb822(5), the repository format page of Debian's wiki, deb-control(5), dsc(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct, structs

SOURCE = "source"
EXTRA = b"Extra-Source-Only: yes\n"
_FIELD = re.compile(rb"^(Package|Version|Architecture|Source): *([^\n]*)$", re.MULTILINE)
_OF_SOURCE = re.compile(r"(\S+)(?: \(([^)]+)\))?")
_OURS = {"filename", "size", "md5sum", "sha1", "sha256", "sha512", "directory", "extra-source-only", "description-md5"}


class Malformed(ValueError):
    """Fields that cannot become a stanza, or index text that is none."""


class Stanza(Struct, frozen=True):
    """One paragraph of an index. `text` ends with its last line; `architecture` is `source` in Sources."""

    package: str
    version: str
    architecture: str
    source: str
    source_version: str
    text: bytes

    @property
    def extra(self) -> bool:
        """Say whether this is a source that only older binaries still need."""
        return EXTRA in self.text


def source_of(fields: Mapping[str, str]) -> tuple[str, str]:
    """Give source and source version of a binary's control fields (Policy 5.6.1). Raises Malformed."""
    match = _OF_SOURCE.fullmatch(fields.get("Source") or fields["Package"])
    if match is None:
        raise Malformed(f"{fields['Package']}: Source: {fields['Source']!r} names no source package")
    return match[1], match[2] or fields["Version"]


def binary(fields: Mapping[str, str], filename: str, size: int, sha256: str) -> Stanza:
    """Render the Packages stanza of a .deb whose control fields these are. Raises Malformed."""
    own = {"Filename": filename, "Size": str(size), "SHA256": sha256}
    kept = {name: value for name, value in fields.items() if name.lower() not in _OURS}
    source, source_version = source_of(fields)
    text = _render({"Package": fields["Package"], **kept, **own})
    return Stanza(fields["Package"], fields["Version"], fields["Architecture"], source, source_version, text)


def source(fields: Mapping[str, str], directory: str, section: str, digests: Mapping[str, str]) -> Stanza:
    """Render the Sources stanza of a .dsc.

    Its fields stay, Package stands for Source, and `digests` adds the .dsc's own line (`HASH SIZE NAME`) to each list
    of files that it has (Files, Checksums-Sha1, Checksums-Sha256). Raises Malformed.
    """
    kept = {name: value for name, value in fields.items() if name.lower() not in _OURS and name != "Source"}
    lists = {name: f"\n {line}{_lines(kept[name])}" for name, line in digests.items() if name in kept}
    own = {"Directory": directory, "Priority": "optional", "Section": section}
    name, version = fields["Source"], fields["Version"]
    text = _render({"Package": name, **kept, **lists, **own})
    return Stanza(name, version, SOURCE, name, version, text)


def extra(stanza: Stanza) -> Stanza:
    """Mark a source as kept for its binaries only (`Extra-Source-Only: yes`)."""
    return stanza if stanza.extra else structs.replace(stanza, text=stanza.text + EXTRA)


def ordered(stanzas: Iterable[Stanza]) -> tuple[Stanza, ...]:
    """Sort as an index is sorted: by name, then version and architecture."""
    return tuple(sorted(stanzas, key=lambda stanza: (stanza.package, stanza.version, stanza.architecture)))


def read(text: bytes, *, sources: bool) -> Stanza:
    """Read a stanza back. Raises Malformed."""
    fields = {name.decode(): value.decode().strip() for name, value in _FIELD.findall(text)}
    if not {"Package", "Version", "Architecture"} <= fields.keys():
        raise Malformed(f"not a stanza: {text[:60]!r}")
    package, version = fields["Package"], fields["Version"]
    if sources:
        return Stanza(package, version, SOURCE, package, version, text)
    return Stanza(package, version, fields["Architecture"], *source_of(fields), text)


def _lines(value: str) -> str:
    return value if value.startswith("\n") else f"\n {value}"


def _render(fields: Mapping[str, str]) -> bytes:
    return "".join(_field(name, value) for name, value in fields.items()).encode()


def _field(name: str, value: str) -> str:
    first, *rest = value.rstrip("\n").split("\n")
    if any(not line.startswith((" ", "\t")) or not line.strip() for line in rest):
        raise Malformed(f"{name}: a line that would end the stanza")
    return "\n".join([f"{name}: {first}".rstrip(), *rest]) + "\n"
