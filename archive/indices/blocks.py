"""xz blocks, put together to one stream: apt reads the first stream of an .xz file only, but all of its blocks.

Source: the .xz file format, version 1.1.0, sections 2 (stream), 3 (block) and 4 (index).
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_MAGIC, _END = b"\xfd7zXZ\x00", b"YZ"
_FLAGS = b"\x00\x04"  # CRC64
_HEADER = 12
_THOROUGH = {"preset": 6, "lc": 4, "pb": 0}  # text
_FAST = {"preset": 0}
_SMALLEST = 4096  # of a dictionary; no more than the text is needed, in us or in a client


class Foreign(ValueError):
    """A file that is not one stream of the kind made here."""


class Block(NamedTuple):
    """A block as it stands in a stream, padded; its size without the padding, and that of its text."""

    data: memoryview | bytes
    unpadded: int
    text_size: int


def pack(text: bytes, *, fast: bool) -> Block:
    """Compress a piece, which is not empty, to a block; `fast` takes a fifth of the time, and a quarter more room."""
    options = {"id": lzma.FILTER_LZMA2, **(_FAST if fast else _THOROUGH), "dict_size": max(_SMALLEST, len(text))}
    stream = lzma.compress(text, lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=[options])
    (block,) = read(memoryview(stream))
    return block


def read(stream: memoryview) -> Iterator[Block]:
    """Cut a stream into its blocks; nothing is decompressed. Raises Foreign."""
    if len(stream) < 2 * _HEADER or bytes(stream[:8]) != _MAGIC + _FLAGS or bytes(stream[-2:]) != _END:
        raise Foreign("not an .xz file of ours")
    (stored,) = struct.unpack("<I", stream[-8:-4])
    index = bytes(stream[-_HEADER - 4 * (stored + 1) : -_HEADER])
    if zlib.crc32(index[:-4]) != struct.unpack("<I", index[-4:])[0]:
        raise Foreign("its index is damaged")
    numbers = _numbers(index[1:-4])
    offset = _HEADER
    for _ in range(next(numbers)):
        unpadded, text_size = next(numbers), next(numbers)
        padded = -(-unpadded // 4) * 4
        yield Block(stream[offset : offset + padded], unpadded, text_size)
        offset += padded


def stream(blocks: Iterable[Block]) -> bytes:
    """Put blocks together to a file of one stream."""
    found = [*blocks]
    records = b"".join(_number(one.unpadded) + _number(one.text_size) for one in found)
    index = b"\x00" + _number(len(found)) + records
    index += bytes(-len(index) % 4)
    index += _crc(index)
    footer = struct.pack("<I", len(index) // 4 - 1) + _FLAGS
    head = _MAGIC + _FLAGS + _crc(_FLAGS)
    return b"".join((head, *(one.data for one in found), index, _crc(footer), footer, _END))


def _crc(data: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(data))


def _number(value: int) -> bytes:
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def _numbers(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0
