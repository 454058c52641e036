"""The control file of a .deb, read with every size limited; the data member is never touched.

Run by `archive.reading` in a process that can open nothing else. Source: deb(5), ar(5).
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

_MAGIC = b"!<arch>\n"
_HEADER = 60
_MEMBERS = 4  # debian-binary, control, data; one to spare for a signature
_PACKED = 4 << 20
_UNPACKED = 16 << 20
_CONTROL = 1 << 20
_MEMORY = 128 << 20


class NotADeb(ValueError):
    """A file that is no .deb, or one beyond the limits."""


def control(file: BinaryIO) -> bytes:
    """Give the text of the control file. Raises NotADeb."""
    for name, start, size in members(file):
        if name.startswith("control.tar"):
            file.seek(start)
            return _control_in(_unpacked(name, _content(file, size)))
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


def _content(file: BinaryIO, size: int) -> bytes:
    if not 0 <= size <= _PACKED:
        raise NotADeb(f"a control member of {size} bytes")
    content = file.read(size)
    if len(content) != size:
        raise NotADeb("cut short")
    return content


def _unpacked(name: str, packed: bytes) -> bytes:
    try:
        if name.endswith(".xz"):
            content = lzma.LZMADecompressor(memlimit=_MEMORY).decompress(packed, _UNPACKED)
        elif name.endswith(".gz"):
            content = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed, _UNPACKED)
        elif name == "control.tar":
            content = packed
        else:
            raise NotADeb(f"{name}: a compression that is not read here (gzip, xz or none)")
    except (lzma.LZMAError, zlib.error) as error:
        raise NotADeb(f"{name}: {error}") from None
    if len(content) >= _UNPACKED:
        raise NotADeb(f"{name}: larger than {_UNPACKED} bytes when unpacked")
    return content


def _control_in(tar: bytes) -> bytes:
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as members:
            for member in members:
                if member.name.removeprefix("./") == "control" and member.isreg() and member.size <= _CONTROL:
                    return tar[member.offset_data : member.offset_data + member.size]
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise NotADeb(f"control.tar: {error}") from None
    raise NotADeb("no control file of a sane size")
