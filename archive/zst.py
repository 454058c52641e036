"""zstd: frames for indices, and the unpacking of what others packed. The only module that knows the library.

Frames one after another are read as one file by apt; where each ends is found by the sizes of its blocks alone.
Source: RFC 8878, sections 3.1.1.1 (frame header) and 3.1.1.2 (blocks).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import zstandard

Failed = zstandard.ZstdError
_LEVELS = (12, 1)  # thorough, fast
_WINDOW = 128 << 20  # bytes of memory that a stream of others may ask for
_BLOCK, _CHECKSUM, _REPEATED = 3, 4, 1  # bytes of a block's header, of the checksum; the kind of a repeated byte


class Foreign(ValueError):
    """A file that is not frames of the kind made here."""


class Frame(NamedTuple):
    """A frame as it stands in its file, and the size of its text."""

    data: memoryview | bytes
    text_size: int


def pack(text: bytes, *, fast: bool) -> Frame:
    """Compress a piece to a frame, which has its size and a checksum."""
    return Frame(zstandard.ZstdCompressor(_LEVELS[fast], write_checksum=True).compress(text), len(text))


def read(file: memoryview) -> Iterator[Frame]:
    """Cut a file into its frames; nothing is decompressed. Raises Foreign."""
    offset = 0
    while offset < len(file):
        size, text_size = _measure(file[offset:])
        yield Frame(file[offset : offset + size], text_size)
        offset += size


def join(frames: Iterable[Frame]) -> bytes:
    """Put frames together to a file."""
    return b"".join([one.data for one in frames] or [pack(b"", fast=False).data])


def unpacker() -> zstandard.ZstdDecompressionObj:
    """Give what unpacks a stream, piece by piece; a small part of one may become very much."""
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()


def _measure(frame: memoryview) -> tuple[int, int]:
    """Give the size of the first frame, and that of its text."""
    try:
        known = zstandard.get_frame_parameters(frame)
        offset, last = zstandard.frame_header_size(frame), False
    except zstandard.ZstdError as error:
        raise Foreign(str(error)) from None
    while not last:
        if offset + _BLOCK > len(frame):
            raise Foreign("cut short")
        header = int.from_bytes(frame[offset : offset + _BLOCK], "little")
        last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        offset += _BLOCK + (1 if kind == _REPEATED else size)
    return offset + _CHECKSUM * known.has_checksum, known.content_size
