"""gzip members that say what they hold, so that an index of many of them can be read piece by piece.

Each has a field of its own in its header: its size, its marks and the name of its first package. To any other reader
the file is a .gz of several members, which all of them read as one.

Source: RFC 1952, sections 2.2 (members follow each other) and 2.3.1.1 (the extra field).
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_HEAD = struct.Struct("<4BI2BH2sHIB")  # magic, deflate, FEXTRA; no time; unknown system; one subfield: size, marks
_TAIL = struct.Struct("<2I")  # CRC32 and size of the text
_KIND = (0x1F, 0x8B, 8, 4)
_ID = b"dm"
_OWN = 5  # bytes of size and marks
_NOTHING = 6  # the level at which nothing is packed


class Foreign(ValueError):
    """A gzip file that was not made here."""


class Broken(ValueError):
    """Members that cannot be unpacked."""


class Member(NamedTuple):
    """One member: where it is in its file, the marks and the first name of its piece, and its text's size in bytes."""

    offset: int
    size: int
    marks: int
    first: bytes
    text_size: int


class Packed(NamedTuple):
    """A member as it stands in its file, and the size of its text."""

    data: memoryview | bytes
    text_size: int


def pack(text: bytes, marks: int, first: bytes, level: int) -> bytes:
    """Compress a piece to a member."""
    packed = zlib.compress(text, level, wbits=-zlib.MAX_WBITS)
    own = _OWN + len(first)
    size = _HEAD.size + len(first) + len(packed) + _TAIL.size
    head = _HEAD.pack(*_KIND, 0, 0, 255, 4 + own, _ID, own, size, marks)
    return b"".join((head, first, packed, _TAIL.pack(zlib.crc32(text), len(text))))


def walk(file: memoryview) -> Iterator[Member]:
    """Find the members of a file by their headers alone. Raises Foreign."""
    offset = 0
    while offset < len(file):
        try:
            *kind, _, _, _, _, name, own, size, marks = _HEAD.unpack_from(file, offset)
            _, text_size = _TAIL.unpack_from(file, offset + size - _TAIL.size)
        except struct.error:
            raise Foreign("cut short") from None
        if tuple(kind) != _KIND or name != _ID or size < _HEAD.size + _TAIL.size:
            raise Foreign("a member without the field")
        first = bytes(file[offset + _HEAD.size : offset + _HEAD.size + own - _OWN])
        yield Member(offset, size, marks, first, text_size)
        offset += size


def cut(file: memoryview) -> Iterator[Packed]:
    """Cut a file into its members; nothing is unpacked. Raises Foreign."""
    return (Packed(file[one.offset : one.offset + one.size], one.text_size) for one in walk(file))


def join(found: Iterable[Packed]) -> bytes:
    """Put members together to a file; of none, it is one of nothing."""
    return b"".join([one.data for one in found] or [pack(b"", 0, b"", _NOTHING)])


def unpack(member: memoryview | bytes) -> bytes:
    """Give the text of a member, or of a file of any members, compared with its checksums. Raises Broken."""
    try:
        return gzip.decompress(member)
    except (OSError, EOFError, zlib.error) as error:
        raise Broken(str(error)) from None
