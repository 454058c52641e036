"""The files of a source package: how they are named, and the lists in which .changes and .dsc name them.

Source: Policy 5.6.21 and 5.6.24; dpkg-source(1), SOURCE PACKAGE FORMATS; deb-changes(5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from queues.names import without_epoch
from queues.values import FileRef
from review.refusal import Refusal

LONGEST_NAME = 200
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_-]*")
LARGEST = 1 << 40
_TAR = r"\.tar\.(?:gz|bz2|xz|lzma|zst)"
_SHA256 = re.compile(r"([0-9a-f]{64}) ([0-9]{1,15}) (\S+)")
_MD5 = re.compile(r"[0-9a-f]{32} ([0-9]{1,15}) (?:(\S+) (\S+) )?(\S+)")


def upstream(version: str) -> str:
    """Give the upstream version: without epoch and Debian revision."""
    whole = without_epoch(version)
    return whole.rpartition("-")[0] if "-" in whole else whole


def is_orig(name: str, source: str, version: str) -> bool:
    """Say whether a name is an upstream tarball's, a component's, or a signature's on one."""
    stem = re.escape(f"{source}_{upstream(version)}.orig")
    return bool(re.fullmatch(rf"{stem}(?:-[A-Za-z0-9-]+)?{_TAR}(?:\.asc)?", name))


def is_packaging(name: str, source: str, version: str) -> bool:
    """Say whether a name is that of the part which changes with every version: native tarball, Debian tar, diff."""
    stem = re.escape(f"{source}_{without_epoch(version)}")
    return bool(re.fullmatch(rf"{stem}(?:\.debian{_TAR}|{_TAR}|\.diff\.gz)", name))


def sums(fields: Mapping[str, str], what: str) -> tuple[FileRef, ...]:
    """Read Checksums-Sha256, and check that Files names the same files and sizes. Raises Refusal."""
    refs = [_ref(line, what) for line in _lines(fields, "Checksums-Sha256", what)]
    sizes = {name: size for _, name, size in entries(fields, what)}
    if len({ref.name for ref in refs}) != len(refs) or len(sizes) != len(_lines(fields, "Files", what)):
        raise Refusal("files", f"{what}: names a file twice")
    if sizes != {ref.name: ref.size for ref in refs}:
        raise Refusal("files", f"{what}: Files and Checksums-Sha256 do not name the same files and sizes")
    return tuple(refs)


def entries(fields: Mapping[str, str], what: str) -> list[tuple[str, str, int]]:
    """Read the lines of Files as section (empty in a .dsc), name and size. Raises Refusal."""
    found = []
    for line in _lines(fields, "Files", what):
        match = _MD5.fullmatch(line)
        if match is None:
            raise Refusal("files", f"{what}: a line of Files cannot be read: {line[:80]}")
        found.append((match[2] or "", plain(match[4], what), int(match[1])))
    return found


def plain(name: str, what: str) -> str:
    """Check that a file's name is one. Raises Refusal."""
    if not PLAIN.fullmatch(name) or len(name) > LONGEST_NAME:
        raise Refusal("files", f"{what}: names a file '{name[:80]}', which is no name for a file of a source package")
    return name


def _ref(line: str, what: str) -> FileRef:
    match = _SHA256.fullmatch(line)
    if match is None or int(match[2]) > LARGEST:
        raise Refusal("files", f"{what}: a line of Checksums-Sha256 cannot be read: {line[:80]}")
    return FileRef(plain(match[3], what), int(match[2]), match[1])


def _lines(fields: Mapping[str, str], field: str, what: str) -> list[str]:
    lines = [" ".join(line.split()) for line in fields.get(field, "").split("\n") if line.strip()]
    if not lines:
        raise Refusal("files", f"{what}: the field {field} is missing or empty")
    return lines
