"""Translation-en: long descriptions, once for all architectures of a component, which Packages then lacks. Pure.

A stanza names its description by the MD5 of the whole text; what stands in Translation-en is found by package and MD5.
Source: the repository format page of Debian's wiki (Translation indices).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from archive.catalogue import ENGLISH, Place, Shelf
from archive.inclusion import NOTHING, Difference
from archive.stanzas import Stanza

_WHOLE = re.compile(rb"^Description: ([^\n]*)\n((?:[ \t][^\n]*\n)+)", re.MULTILINE)
_SHORT = re.compile(rb"^Description: [^\n]*\nDescription-md5: ([0-9a-f]{32})\n", re.MULTILINE)
_ENTRY = re.compile(
    rb"^Description-md5: ([0-9a-f]{32})\nDescription-en: ((?:[^\n]*\n)(?:[ \t][^\n]*\n)*)", re.MULTILINE
)
Key = tuple[str, bytes]


class Parted(NamedTuple):
    """A stanza with its short description, and the entry of the long one; None where it has none."""

    stanza: Stanza
    entry: Stanza | None


def part(stanza: Stanza) -> Parted:
    """Take the long description out of a stanza."""
    found = _WHOLE.search(stanza.text)
    if found is None:
        return Parted(stanza, None)
    text = found[1] + b"\n" + found[2]
    md5 = hashlib.md5(text, usedforsecurity=False).hexdigest().encode()
    short = b"Description: %b\nDescription-md5: %b\n" % (found[1], md5)
    entry = b"Package: %b\nDescription-md5: %b\nDescription-en: %b" % (stanza.package.encode(), md5, text)
    text = stanza.text[: found.start()] + short + stanza.text[found.end() :]
    return Parted(structs.replace(stanza, text=text), read(entry))


def joined(stanza: Stanza, entries: Shelf) -> Stanza:
    """Put the long description back into a stanza."""
    found = _SHORT.search(stanza.text)
    texts = {key(entry): entry.text for entry in entries.named([stanza.package])} if found else {}
    match = _ENTRY.search(texts.get((stanza.package, found[1]), b"")) if found else None
    if found is None or match is None:
        return stanza
    text = stanza.text[: found.start()] + b"Description: " + match[2] + stanza.text[found.end() :]
    return structs.replace(stanza, text=text)


def read(entry: bytes) -> Stanza:
    """Give the text of an entry as a stanza of its package."""
    return Stanza(entry.partition(b"\n")[0].removeprefix(b"Package: ").decode(), "", ENGLISH, "", "", entry)


def key(stanza: Stanza) -> Key | None:
    """Say which description a stanza or an entry is of; None for a stanza that has all of its own."""
    found = (_ENTRY if stanza.architecture == ENGLISH else _SHORT).search(stanza.text)
    return (stanza.package, found[1]) if found else None


def of(stanzas: Iterable[Stanza]) -> Iterator[Stanza]:
    """Give the entries of stanzas with long descriptions, sorted, each once."""
    found = {entry.text: entry for stanza in stanzas if (entry := part(stanza).entry)}
    return (found[text] for text in sorted(found, key=lambda text: (found[text].package, text)))


def difference(
    shelves: Mapping[Place, Shelf], changes: Mapping[Place, Difference], entries: Shelf, brought: Sequence[Stanza]
) -> Difference:
    """Say what the entries of a component lose and gain, when its Packages, on `shelves`, change so.

    `brought` are the entries of what is new.
    """
    gone = {one for place in shelves for stanza in changes.get(place, NOTHING).removed if (one := key(stanza))}
    new = {one for place in shelves for stanza in changes.get(place, NOTHING).added if (one := key(stanza))}
    names = sorted({name for name, _ in gone | new})
    there = {key(entry): entry for entry in entries.named(names)}
    kept = {key(stanza) for place, shelf in shelves.items() for stanza in _staying(shelf, changes.get(place), names)}
    lost = (entry for one, entry in there.items() if one in gone and one not in kept | new)
    gained = {one: entry for entry in brought if (one := key(entry)) in new and one not in there}
    return Difference(tuple(lost), tuple(gained.values()))


def _staying(shelf: Shelf, change: Difference | None, names: Sequence[str]) -> Iterator[Stanza]:
    removed = {*change.removed} if change else set()
    return (stanza for stanza in shelf.named(names) if stanza not in removed)
