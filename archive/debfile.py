"""A .deb, read with every size limited: its members, what is packed in them, and its control file.

For processes that can open nothing else. Source: deb(5), ar(5), and dpkg-deb(1) for the compressions.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from archive import zst

_MAGIC = b"!<arch>\n"
_HEADER = 60
_MEMBERS = 4  # debian-binary, control, data; one to spare for a signature
_PACKED = 4 << 20
_UNPACKED = 16 << 20
_CONTROL = 1 << 20
_MEMORY = 128 << 20
_STEP = 1 << 14  # what xz makes of so much at most is still a small part of the memory allowed
_SMALL_STEP = 1 << 10  # and what zstd does


class NotADeb(ValueError):
    """A file that is no .deb, or one beyond the limits."""


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class Unpacked(io.RawIOBase):
    """The unpacked content of a member of the ar, to be read from the first byte to the last."""

    def __init__(self, file: BinaryIO, name: str, start: int, size: int) -> None:
        """Name the member as `debfile.members` gives it. Raises NotADeb where nothing here reads its compression."""
        file.seek(start)
        self._name, self._file, self._left = name, file, size
        self._unpacker = _unpacker(name)
        self._step = _SMALL_STEP if name.endswith(".zst") else _STEP
        self._ready = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        """Give so many bytes, fewer only at the end; then it was one whole stream. Raises NotADeb."""
        found: list[bytes | memoryview] = [self._ready]
        length = len(self._ready)
        while length < size and self._left:
            found.append(self._next())
            length += len(found[-1])
        if self._unpacker and length < size and not self._unpacker.eof:
            raise NotADeb(f"{self._name}: not one whole compressed stream")
        content = b"".join(found)
        self._ready = memoryview(content)[size:]
        return content[:size]

    def _next(self) -> bytes:
        packed = self._file.read(min(self._step, self._left))
        if not packed:
            raise NotADeb(f"{self._name}: cut short")
        self._left -= len(packed)
        if self._unpacker is None:
            return packed
        if self._unpacker.eof:
            raise NotADeb(f"{self._name}: not one whole compressed stream")
        try:
            content = self._unpacker.decompress(packed)
        except (lzma.LZMAError, zlib.error, zst.Failed, EOFError) as error:
            raise NotADeb(f"{self._name}: {error}") from None
        if self._unpacker.unused_data:
            raise NotADeb(f"{self._name}: not one whole compressed stream")
        return content


def control(file: BinaryIO) -> bytes:
    """Give the text of the control file; the data member is not touched. Raises NotADeb."""
    for name, start, size in members(file):
        if name.startswith("control.tar"):
            if size > _PACKED:
                raise NotADeb(f"a control member of {size} bytes")
            content = Unpacked(file, name, start, size).read(_UNPACKED)
            if len(content) == _UNPACKED:
                raise NotADeb(f"{name}: larger than {_UNPACKED} bytes when unpacked")
            return _control_in(content)
    raise NotADeb("no control member")


def members(file: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """Give name, first byte and size of each member, as many as a .deb may have. Raises NotADeb."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise NotADeb("not an ar archive")
    start = len(_MAGIC)
    for _ in range(_MEMBERS):
        file.seek(start)
        header = file.read(_HEADER)
        if not header:
            return
        name, size = _member(header)
        yield name, start + _HEADER, size
        start += _HEADER + size + size % 2


def _member(header: bytes) -> tuple[str, int]:
    if len(header) != _HEADER or header[58:] != b"`\n":
        raise NotADeb("a broken member header")
    try:
        name, size = header[:16].decode("ascii").rstrip().rstrip("/"), header[48:58].decode("ascii").rstrip()
    except ValueError:
        raise NotADeb("a broken member header") from None
    if not size.isdecimal():
        raise NotADeb("a broken member header")
    return name, int(size)


def _unpacker(name: str) -> _Unpacker | None:
    match name.rpartition(".")[2]:
        case "xz":
            return lzma.LZMADecompressor(memlimit=_MEMORY)
        case "gz":
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        case "zst":
            return zst.unpacker()
        case "tar":
            return None
    raise NotADeb(f"{name}: a compression that is not read here (gzip, xz, zstd or none)")


def _control_in(tar: bytes) -> bytes:
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as members:
            for member in members:
                if member.name.removeprefix("./") == "control" and member.isreg() and member.size <= _CONTROL:
                    return tar[member.offset_data : member.offset_data + member.size]
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise NotADeb(f"control.tar: {error}") from None
    raise NotADeb("no control file of a sane size")
