"""One record of a feed's `Packages`, rendered from the stanza that apt gets. Pure; bytes in, bytes out.

opkg has field names and rules of its own: a size in bytes where Debian counts KiB, a SHA256 under another name, no
architecture behind a package's name, no version behind a name that is provided. A field that neither client parses is
left out, for lists are read by small devices.

Source: libopkg's pkg_parse and pkg_depends, of Yocto's opkg and of OpenWrt's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from queues.values import Suite

_FIELD = re.compile(rb"^([^\s:]+):[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE)
_QUALIFIED = re.compile(rb"((?:^|[,|])\s*[^\s:(,|]+):[a-z0-9-]+")
_VERSIONED = re.compile(rb"\s*\([^)]*\)")
_FOLD = re.compile(rb"\n[ \t]*")
_FACTS = re.compile(
    rb"^Filename: (.+)\nSize: ([0-9]+)\nMD5sum: ([0-9a-f]{32})\nSHA256sum: ([0-9a-f]{64})$", re.MULTILINE
)
_KIB = 1024
Fields = Mapping[bytes, bytes]


class Form(NamedTuple):
    """How a suite's records are written.

    `suffix` is that of the files they name, `.deb` or `.ipk`; `above` what stands before the path of a file below the
    document root; `names` are opkg's names of Debian's architectures where they differ.
    """

    suffix: str
    above: str
    names: Mapping[str, str]

    def architecture(self, debian: str) -> str:
        """Name an architecture as opkg does."""
        return self.names.get(debian, debian)

    def file(self, stanza: Fields) -> str:
        """Give the path of the file that a package's record names, below the document root."""
        return stanza[b"filename"].decode().removesuffix(".deb") + self.suffix


class Facts(NamedTuple):
    """What a record says of its file: bytes, MD5 and SHA256 in lower-case hex."""

    size: int
    md5: str
    sha256: str


class Record(NamedTuple):
    """One package of a feed: its name and version, and the text without the blank line that ends it."""

    package: str
    version: str
    text: bytes


def architectures(suite: Suite) -> dict[str, str]:
    """Give opkg's names of a suite's architectures, where they are not Debian's."""
    return dict(one.split("=") for one in suite.opkg_architectures)


def fields_of(stanza: bytes) -> Fields:
    """Give the fields of a stanza by their lower-case names, values as they stand."""
    return {name.lower(): value for name, value in _FIELD.findall(stanza)}


def record(stanza: Fields, form: Form, facts: Facts) -> Record:
    """Render the record of a package from the fields of its stanza and what is known of its file."""
    architecture = form.architecture(stanza[b"architecture"].decode())
    own = {
        b"architecture": architecture.encode(),
        b"filename": f"{form.above}{form.file(stanza)}".encode(),
        b"size": b"%d" % facts.size,
        b"md5sum": facts.md5.encode(),
        b"sha256sum": facts.sha256.encode(),
    }
    found = {**stanza, **own}
    lines = [b"%b: %b\n" % (name, value) for name, key, write in _WRITERS if (value := write(found.get(key, b"")))]
    return Record(stanza[b"package"].decode(), stanza[b"version"].decode(), b"".join(lines))


def facts_in(text: bytes, form: Form) -> dict[str, Facts]:
    """Read back what records say of their files, by path below the document root."""
    above = form.above.encode()
    return {
        filename.removeprefix(above).decode(): Facts(int(size), md5.decode(), sha256.decode())
        for filename, size, md5, sha256 in _FACTS.findall(text)
        if filename.startswith(above)
    }


def _plain(value: bytes) -> bytes:
    return value


def _unfolded(value: bytes) -> bytes:
    return _FOLD.sub(b" ", value).strip() if b"\n" in value else value


def _unqualified(value: bytes) -> bytes:
    """Write relations without `:any` or `:native`, which opkg takes for a part of the name."""
    return _QUALIFIED.sub(rb"\1", _unfolded(value)) if b":" in value else _unfolded(value)


def _unversioned(value: bytes) -> bytes:
    """Write provided names without versions: with one, opkg does not find the name at all."""
    return _VERSIONED.sub(b"", _unqualified(value)) if b"(" in value else _unqualified(value)


def _in_bytes(value: bytes) -> bytes:
    return b"%d" % (int(value) * _KIB) if value.isdigit() else b""


def _if_yes(value: bytes) -> bytes:
    return value if value == b"yes" else b""


_Writer = Callable[[bytes], bytes]
_RELATIONS = ("Pre-Depends", "Depends", "Recommends", "Suggests", "Conflicts", "Replaces")
_NAMED: Sequence[tuple[str, _Writer]] = (
    ("Package", _plain),
    ("Version", _plain),
    *((name, _unqualified) for name in _RELATIONS),
    ("Provides", _unversioned),
    ("Source", _plain),
    ("Section", _plain),
    ("Priority", _plain),
    ("Essential", _if_yes),
    ("Maintainer", _unfolded),
    ("Architecture", _plain),
    ("Installed-Size", _in_bytes),
    ("Filename", _plain),
    ("Size", _plain),
    ("MD5sum", _plain),
    ("SHA256sum", _plain),
    ("Description", _plain),
)
_WRITERS = tuple((name.encode(), name.lower().encode(), write) for name, write in _NAMED)
