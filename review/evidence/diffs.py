"""A unified diff of two trees, read line by line as diff(1) writes it with `-ruN --no-dereference old new`.

Hunks are counted by their headers, so nothing that stands in a file is taken for a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Literal, NamedTuple

Mark = Literal["head", "hunk", "added", "removed", "context", "binary", "other"]
LONGEST = 4096  # bytes of a line that are kept
_CHUNK = 1 << 20
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_BINARY, _AND, _DIFFER = b"Binary files old/", b" and new/", b" differ"
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}


class Line(NamedTuple):
    """A line of the diff without its newline: what it is, the path it belongs to, and its octets."""

    mark: Mark
    path: str
    text: bytes


def lines(file: BinaryIO) -> Iterator[bytes]:
    """Give the lines of a file, however long: of what is beyond LONGEST bytes it is only said how much it was."""
    while line := file.readline(LONGEST):
        more = 0
        while not line.endswith(b"\n") and (rest := file.readline(_CHUNK)):
            more += len(rest)
            if rest.endswith(b"\n"):
                break
        yield line.rstrip(b"\n") + (f" [{more} bytes more]".encode() if more else b"")


def read(lines: Iterable[bytes]) -> Iterator[Line]:
    """Say of each line what it is."""
    path, old, new = "", 0, 0
    for text in lines:
        if old > 0 or new > 0 or text.startswith(b"\\"):
            mark = _inside(text)
            old -= mark in ("context", "removed")
            new -= mark in ("context", "added")
            yield Line(mark, path, text)
        elif hunk := _HUNK.match(text):
            old, new = (int(count) if count is not None else 1 for count in hunk.groups())
            yield Line("hunk", path, text)
        else:
            mark, found = _outside(text)
            path = path if found is None else found
            yield Line(mark, path, text)


def _inside(text: bytes) -> Mark:
    marks: dict[bytes, Mark] = {b"+": "added", b"-": "removed", b" ": "context", b"": "context"}
    return marks.get(text[:1], "other")


def _outside(text: bytes) -> tuple[Mark, str | None]:
    """Say what a line between hunks is, and of which file it is the first."""
    if text.startswith(b"diff "):
        return "head", None
    if text.startswith((b"--- ", b"+++ ")):
        return "head", _path(text[4:])
    if text.startswith(_BINARY) and text.endswith(_DIFFER):
        both = text[len(_BINARY) : -len(_DIFFER)]
        return "binary", both[: (len(both) - len(_AND)) // 2].decode(errors="replace")
    return "other", None


def _path(name: bytes) -> str | None:
    """Give the path of a header's name, which is quoted as in C when there are odd letters in it."""
    if name.startswith(b'"'):
        name = re.sub(rb"\\([0-7]{3}|.)", _letter, name[1:].rpartition(b'"')[0])
    else:
        name = name.partition(b"\t")[0]
    return name.partition(b"/")[2].decode(errors="replace") or None


def _letter(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 255]) if len(code) == 3 else _ESCAPES.get(code, code)
