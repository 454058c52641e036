"""Names: the key of an upload or job, and the name of its directory in a queue.

A key is `source_version~<12 hex of the .changes' SHA256>` and constant for life; `:` is written `%3a`. A job's or a
notice's key adds a third part: `source_version~hex_amd64`. An entry's name is `<stamp>.<key>`; the stamp counts
microseconds since 1970 and is the order in one queue. Nothing here touches the disk.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, NewType

from queues.problem import Problem

Key = NewType("Key", str)

# Policy 5.6.1 (source names) and 5.6.12 (versions); `_` is in neither, so it can separate.
SOURCE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
VERSION = re.compile(r"(?:[0-9]+:)?[0-9][A-Za-z0-9.+~-]*")
_KEY = re.compile(
    r"(?P<source>[a-z0-9][a-z0-9+.-]+)_(?P<version>[A-Za-z0-9.+~%-]+)~(?P<digest>[0-9a-f]{12})(?:_(?P<part>[a-z0-9-]+))?"
)
_ENTRY = re.compile(rf"[0-9]{{16}}\.{_KEY.pattern}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = 17  # where the key begins in an entry's name
LONGEST = 200  # bytes of a key, so that name, stamp and a temporary suffix stay below NAME_MAX


class NotAName(Problem):
    """A string that is no key or entry name."""


class Parts(NamedTuple):
    """What a key says: `part` is a job's architecture or a notice's event, empty for an upload."""

    source: str
    version: str
    digest: str
    part: str


class EntryName(NamedTuple):
    """The name of one entry; sorts in queue order."""

    stamp: int
    key: Key

    def __str__(self) -> str:
        return f"{self.stamp:016d}.{self.key}"


def upload_key(source: str, version: str, changes_sha256: str) -> Key:
    """Make the key of an upload. Raises NotAName when the parts cannot be a key."""
    return _checked(f"{source}_{version.replace(':', '%3a')}~{changes_sha256[:12]}")


def part_key(upload: Key, part: str) -> Key:
    """Make the key of an upload's job (`part` is the architecture) or notice (`part` is the event)."""
    if split(upload).part:
        raise NotAName(f"{upload}: is the key of a part already")
    return _checked(f"{upload}_{part}")


def upload_of(key: Key) -> Key:
    """Give the upload's key of any key."""
    part = split(key).part
    return Key(key[: -len(part) - 1]) if part else key


def split(key: str) -> Parts:
    """Take a key apart; the version has its epoch's `:` again. Raises NotAName."""
    match = _KEY.fullmatch(key)
    if match is None or len(key) > LONGEST:
        raise NotAName(f"{key}: not the key of an upload or a job")
    return Parts(match["source"], match["version"].replace("%3a", ":"), match["digest"], match["part"] or "")


def parse(name: str) -> EntryName:
    """Read a directory's name. Raises NotAName."""
    if not is_entry(name):
        raise NotAName(f"{name}: not the name of an entry")
    return taken_apart(name)


def taken_apart(name: str) -> EntryName:
    """Read the name of a directory that `is_entry`."""
    return EntryName(int(name[: START - 1]), Key(name[START:]))


def is_entry(name: str) -> bool:
    """Say whether a directory's name is an entry's."""
    return len(name) <= START + LONGEST and _ENTRY.fullmatch(name) is not None


def without_epoch(version: str) -> str:
    """Give the part of a version that stands in file names (Policy 5.6.12)."""
    return version.partition(":")[2] or version


def stamp(moment: datetime) -> int:
    """Count the microseconds from 1970 to an aware time."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(stamp: int) -> datetime:
    """Give the UTC time of a stamp."""
    return _EPOCH + timedelta(microseconds=stamp)


def _checked(text: str) -> Key:
    split(text)
    return Key(text)
