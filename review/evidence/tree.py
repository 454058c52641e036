"""The files of an unpacked source, as find(1) lists them in the sandbox.

Each is `TYPE MODE SIZE PATH`, then where it leads if it is a link, both ended by NUL.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from msgspec import Struct

from review.evidence.values import Change

FORMAT = r"%y %m %s %P\0%l\0"  # find(1), -printf


class Node(Struct, frozen=True):
    """A file, link or directory: find's letter for its type, its mode, its size in bytes, where it leads."""

    type: str
    mode: int
    size: int
    target: str = ""


def read(listing: bytes) -> dict[str, Node]:
    """Read a listing; directories and the root itself are left out. A line that is none is passed over."""
    found = {}
    fields = listing.split(b"\0")
    for line, target in zip(fields[::2], fields[1::2], strict=False):
        words = line.split(b" ", 3)
        if len(words) == 4 and words[3] and words[0] != b"d":
            leads = target.decode(errors="replace")
            found[words[3].decode(errors="replace")] = Node(words[0].decode(), int(words[1], 8), int(words[2]), leads)
    return found


def leads_out(path: str, target: str) -> bool:
    """Say whether a link leads out of the source that it is in."""
    where = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return bool(target) and (where == ".." or where.startswith(("/", "../")))


def change(path: str, old: Mapping[str, Node], new: Mapping[str, Node]) -> Change:
    """Say what became of a path that is in at least one of two trees."""
    if path not in old:
        return "added"
    return "changed" if path in new else "removed"
