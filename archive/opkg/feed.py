"""The lists of one feed, put together of pieces: what did not change since the last publication is copied as it stands.

A piece is a run of stanzas of apt's index. Each list of a feed is a row of parts, one for each piece and in the same
order; `.pieces` beside them says which piece each part was made of and how long it is. So one new package costs the
rendering and packing of one piece. gzip members one after another are one gzip file (RFC 1952 2.2), for gzip, BusyBox
and libarchive, by which the clients unpack.

`.pieces` is only a short cut: without it, or with one that does not fit, every part is made anew.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from archive.opkg import records
from archive.opkg.records import Facts, Fields, Form, Record

PACKAGES, PACKED, NAMES, PIECES = "Packages", "Packages.gz", "index.json", ".pieces"
ALL = b"all"
_LEVEL = 9
_VERSION = 1  # of what is rendered here; another one makes everything anew
_BLANK, _END = b"\n\n", b"\n}}\n"
_RUN = 256  # stanzas of a piece, about
Bytes = bytes | memoryview  # of a published list, which is not copied in memory
Measure = Callable[[AbstractSet[str]], Mapping[str, Facts]]


class Piece(NamedTuple):
    """A run of stanzas of apt's index: equal keys are equal texts, and only that of an unknown key is asked for."""

    key: str
    text: Callable[[], bytes]


class Part(NamedTuple):
    """What one piece is in each list of a feed."""

    packages: Bytes
    packed: Bytes
    names: Bytes


class Feed(NamedTuple):
    """One feed: its architecture as opkg names it, how records are written, and by which key they are signed."""

    architecture: str
    form: Form
    fingerprint: str

    @property
    def mark(self) -> str:
        """Say all that its lists depend on besides the stanzas."""
        return json.dumps([_VERSION, self.architecture, *self.form, self.fingerprint], sort_keys=True)


class _Line(Struct, frozen=True, array_like=True):
    """One part in `.pieces`: the key of its piece, its length in each list, the CRC of the three."""

    key: str
    lengths: tuple[int, int, int]
    crc: int


class _Table(Struct, frozen=True):
    mark: str
    lines: tuple[_Line, ...]


def cut(text: bytes) -> Iterator[Piece]:
    """Cut the text of an index into pieces; a package's name says whether one begins, so a new one moves no border."""
    run: list[bytes] = []
    for stanza in filter(None, text.split(_BLANK)):
        name = stanza[: stanza.find(b"\n")]
        if run and zlib.crc32(name) % _RUN == 0:
            yield _piece(run)
            run = []
        run.append(stanza)
    if run:
        yield _piece(run)


def mark_of(directory: Path) -> str:
    """Give the mark of a published feed; empty when there is none."""
    table = _table(directory)
    return table.mark if table else ""


def read(directory: Path, feed: Feed) -> dict[str, Part]:
    """Read the parts of a published feed by the key of their piece; none where it was made in another way."""
    table = _table(directory)
    if table is None or table.mark != feed.mark:
        return {}
    lists = [(directory / name).read_bytes() for name in (PACKAGES, PACKED, NAMES)]
    lists[2] = _entries(lists[2], feed)
    ends = zip(
        *(accumulate(lengths) for lengths in zip(*(line.lengths for line in table.lines), strict=True)), strict=True
    )
    found = {}
    start: tuple[int, ...] = (0, 0, 0)
    for line, end in zip(table.lines, ends, strict=True):
        part = Part(*(memoryview(content)[a:b] for content, a, b in zip(lists, start, end, strict=True)))
        if _crc(part) == line.crc:
            found[line.key] = part
        start = end
    return found


def parts(
    feed: Feed, pieces: Sequence[Piece], known: Mapping[str, Part], measure: Measure, *, only_all: bool = False
) -> list[Part]:
    """Make the parts of a feed, those that are not known; `only_all`: of packages for all architectures.

    `measure` gives the facts of files that no record of a known part has.
    """
    new = {piece.key: _packages(piece.text(), only_all=only_all) for piece in pieces if piece.key not in known}
    gone = known.keys() - {piece.key for piece in pieces}
    facts = records.facts_in(b"".join(known[key].packages for key in gone), feed.form)
    files = {feed.form.file(one) for found in new.values() for one in found}
    facts |= measure(files - facts.keys())
    made = {
        key: _part(records.record(one, feed.form, facts[feed.form.file(one)]) for one in found)
        for key, found in new.items()
    }
    return [known.get(piece.key) or made[piece.key] for piece in pieces]


def lists(feed: Feed, pieces: Sequence[Piece], made: Sequence[Part]) -> dict[str, bytes]:
    """Give the lists of a feed by file name."""
    padding = _padding(sum(len(part.packages) for part in made))
    entries = b"".join(part.names for part in made)
    lines = [_Line(piece.key, _lengths(part), _crc(part)) for piece, part in zip(pieces, made, strict=True)]
    return {
        PACKAGES: b"".join([*(part.packages for part in made), padding]),
        PACKED: b"".join([part.packed for part in made] + [_gzip(padding)] * bool(padding)) or _gzip(b""),
        NAMES: _head(feed) + entries.removesuffix(b",\n") + _END,
        PIECES: msgspec.json.encode(_Table(feed.mark, tuple(lines))),
    }


def _table(directory: Path) -> _Table | None:
    try:
        return msgspec.json.decode((directory / PIECES).read_bytes(), type=_Table)
    except (OSError, msgspec.DecodeError):
        return None


def _piece(run: Sequence[bytes]) -> Piece:
    text = _BLANK.join(run)
    return Piece(hashlib.sha256(text).hexdigest(), lambda: text)


def _packages(text: bytes, *, only_all: bool) -> list[Fields]:
    found = [records.fields_of(stanza) for stanza in filter(None, text.split(_BLANK))]
    return [one for one in found if not only_all or one[b"architecture"] == ALL]


def _part(made: Iterable[Record]) -> Part:
    found = list(made)
    packages = b"".join(one.text + b"\n" for one in found)
    names = "".join(f"{json.dumps(one.package)}:{json.dumps(one.version)},\n" for one in found)
    return Part(packages, _gzip(packages) if packages else b"", names.encode())


def _padding(size: int) -> bytes:
    """Give what makes a list one that usign of before 2019-08 verifies: it fails at some sizes, as OpenWrt knows."""
    return b"\n\n" if size % 128 in (46, 47) else b""


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, _LEVEL, mtime=0)


def _head(feed: Feed) -> bytes:
    return f'{{"version":2,"architecture":{json.dumps(feed.architecture)},"packages":{{\n'.encode()


def _entries(names: bytes, feed: Feed) -> bytes:
    inside = names.removeprefix(_head(feed)).removesuffix(_END)
    return inside + b",\n" if inside else b""


def _lengths(part: Part) -> tuple[int, int, int]:
    return len(part.packages), len(part.packed), len(part.names)


def _crc(part: Part) -> int:
    return zlib.crc32(part.names, zlib.crc32(part.packed, zlib.crc32(part.packages)))
