"""The lists of one feed, made of the pieces of apt's index.

gzip members one after another are one gzip file (RFC 1952 2.2), for gzip, BusyBox and libarchive, by which the clients
unpack.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from archive.opkg import parts, records
from archive.opkg.parts import END, NAMES, PACKAGES, PACKED, PIECES, Part, Piece
from archive.opkg.records import Facts, Fields, Form, Record

ALL = "all"
_LEVEL = 9
_VERSION = 1  # of what is rendered here; another one makes everything anew
_BLANK = b"\n\n"
Measure = Callable[[AbstractSet[str]], Mapping[str, Facts]]


class Feed(NamedTuple):
    """One feed: its architecture, how records are written, and by which key they are signed."""

    architecture: str
    form: Form
    fingerprint: str

    @property
    def mark(self) -> str:
        """Say all that its lists depend on besides the stanzas."""
        return json.dumps([_VERSION, self.architecture, *self.form, self.fingerprint], sort_keys=True)


def make(feed: Feed, pieces: Sequence[Piece], known: Mapping[str, Part], measure: Measure) -> list[Part]:
    """Make the parts of a feed, those that are not known. That of `all` has no other packages.

    `measure` gives the facts of files that no record of a known part has.
    """
    new = {piece.key: _packages(feed, piece.text()) for piece in pieces if piece.key not in known}
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
    """Give the lists of a feed, and `.pieces`, by file name."""
    padding = _padding(sum(len(part.packages) for part in made))
    names = b"".join(part.names for part in made).removesuffix(b",\n")
    return {
        PACKAGES: b"".join([*(part.packages for part in made), padding]),
        PACKED: b"".join([part.packed for part in made] + [_gzip(padding)] * bool(padding)) or _gzip(b""),
        NAMES: _head(feed.form.architecture(feed.architecture)) + names + END,
        PIECES: parts.table(feed.mark, pieces, made),
    }


def _packages(feed: Feed, text: bytes) -> list[Fields]:
    found = [records.fields_of(stanza) for stanza in filter(None, text.split(_BLANK))]
    return [one for one in found if feed.architecture != ALL or one[b"architecture"] == ALL.encode()]


def _part(made: Iterable[Record]) -> Part:
    found = list(made)
    packages = b"".join(one.text + b"\n" for one in found)
    names = "".join(f"{json.dumps(one.package)}:{json.dumps(one.version)},\n" for one in found)
    return parts.part(packages, _gzip(packages) if packages else b"", names.encode())


def _padding(size: int) -> bytes:
    """Give what makes a list one that usign of before 2019-08 verifies: it fails at some sizes, as OpenWrt knows."""
    return b"\n\n" if size % 128 in (46, 47) else b""


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, _LEVEL, mtime=0)


def _head(architecture: str) -> bytes:
    return f'{{"version":2,"architecture":{json.dumps(architecture)},"packages":{{\n'.encode()
