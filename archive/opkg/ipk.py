"""The .ipk of a .deb: the same two archives inside, packed by gzip, in a gzipped tar instead of an ar.

Only this form is taken by both clients; OpenWrt's records a .deb as installed and unpacks nothing. The same .deb gives
the same bytes: nothing of the machine, the day or the user is in them. Nothing is looked at but the ar's headers; the
archives are unpacked and packed again as streams, with every size limited.

Run as a process: it is given open files by number, gives up the right to open others, and only then reads.
Source: deb(5), ar(5), tar(5); the members and their order are those of opkg-utils' opkg-build.
"""

from __future__ import annotations

import io
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from archive import debfile
from archive.debfile import NotADeb
from archive.sealing import seal

LARGEST = 16 << 30
SECONDS = 3600  # of processor time, for all the files of one call
_CHUNK = 1 << 16
_GZIP = zlib.MAX_WBITS | 16  # written without a name and a time
_BEST, _FAST = 9, 1
_FORMAT = b"2.0\n"


def convert(deb: BinaryIO, ipk: BinaryIO, scratch: BinaryIO) -> None:
    """Write the .ipk of a .deb; `scratch` is an open file for what is in between. Raises NotADeb."""
    found = {name.partition(".tar")[0]: (name, start, size) for name, start, size in debfile.members(deb)}
    if not {"control", "data"} <= found.keys():
        raise NotADeb("no control or data member")
    packed = _Packer(ipk, _FAST)  # what is inside is packed already
    _add(packed, "./debian-binary", io.BytesIO(_FORMAT), len(_FORMAT))
    for part in ("data", "control"):
        name, start, size = found[part]
        scratch.seek(0)
        scratch.truncate()
        inner = _Packer(scratch, _BEST)
        for content in _unpacked(debfile.Unpacked(deb, name, start, size), name):
            inner.write(content)
        inner.finish()
        length = scratch.tell()
        scratch.seek(0)
        _add(packed, f"./{part}.tar.gz", scratch, length)
    packed.write(bytes(2 * tarfile.BLOCKSIZE))
    packed.finish()


class _Packer:
    """A gzip stream that is being written."""

    def __init__(self, file: BinaryIO, level: int) -> None:
        self._file = file
        self._packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP)

    def write(self, content: bytes) -> None:
        self._file.write(self._packer.compress(content))

    def finish(self) -> None:
        self._file.write(self._packer.flush())


def _add(packed: _Packer, name: str, content: BinaryIO, size: int) -> None:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    packed.write(header.tobuf(tarfile.GNU_FORMAT))
    for chunk in _chunks(content, size):
        packed.write(chunk)
    packed.write(bytes(-size % tarfile.BLOCKSIZE))


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        content = file.read(min(size, _CHUNK))
        if not content:
            raise NotADeb("cut short")
        size -= len(content)
        yield content


def _unpacked(stream: debfile.Unpacked, name: str) -> Iterator[bytes]:
    total = 0
    while content := stream.read(_CHUNK):
        total += len(content)
        if total > LARGEST:
            raise NotADeb(f"{name}: larger than {LARGEST} bytes when unpacked")
        yield content


def main(arguments: Sequence[str]) -> None:
    """Be the child: NAME DEB IPK for each package, the last two being numbers of open files; complain on stderr."""
    jobs = [
        (name, open(int(deb), "rb"), open(int(ipk), "wb"))  # noqa: SIM115 -- they live as long as the process
        for name, deb, ipk in zip(*[iter(arguments)] * 3, strict=True)
    ]
    with tempfile.TemporaryFile() as scratch:
        seal(SECONDS)
        for name, deb, ipk in jobs:
            try:
                convert(deb, ipk, scratch)
                ipk.close()
            except NotADeb as error:
                sys.exit(f"{name}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
