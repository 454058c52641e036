"""The sets of files in an uploader's area: which .changes lie there, and which files each of them names.

What a .changes names is read unverified here: good for finding files in the same area, for nothing else.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

from queues import atomic
from queues.values import FileRef
from review.inspection import changes as inspection
from review.inspection.files import PLAIN

CHANGES = ".changes"
_LISTED = re.compile(rb"(?m)^ ([0-9a-f]{64}) ([0-9]{1,15}) (\S+?)\r?$")


def changes_in(area: Path) -> list[str]:
    """Name the .changes that lie in an area."""
    return sorted(entry.name for entry in os.scandir(area) if entry.name.endswith(CHANGES) and _is_plain(entry.name))


def naming(area: Path, name: str) -> list[str]:
    """Name the .changes that name a file."""
    return [changes for changes in changes_in(area) if name in named(read(area / changes))]


def named(data: bytes) -> set[str]:
    """Name the files that a .changes seems to name."""
    return {ref.name for ref in listed(data)}


def listed(data: bytes) -> list[FileRef]:
    """Give the files that a .changes seems to name, with their sizes and digests."""
    found = [
        (name.decode(errors="replace"), int(size), sha256.decode()) for sha256, size, name in _LISTED.findall(data)
    ]
    return [FileRef(name, size, sha256) for name, size, sha256 in found if _is_plain(name)]


def clear(area: Path, name: str, data: bytes) -> None:
    """Remove a .changes and the files it names."""
    for file in (*named(data), name):
        atomic.remove(area / file)


def read(path: Path) -> bytes:
    """Read a signed file; a byte more than is taken, of one that is too large."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return read_from(file)


def read_from(file: BinaryIO) -> bytes:
    """Read an open signed file, as `read` does."""
    return file.read(inspection.LARGEST + 1)


def _is_plain(name: str) -> bool:
    return bool(PLAIN.fullmatch(name))
