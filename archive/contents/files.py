"""The names of the files in a .deb, read with every size limited by a process that can open nothing else.

Source: deb(5), tar(5).
"""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Sequence
from typing import BinaryIO

from archive import debfile
from archive.debfile import NotADeb
from archive.sealing import seal

SECONDS = 3600  # of processor time, for all the files of one call
_MOST = 1 << 20  # names
_LONGEST = 4096


def names(deb: BinaryIO) -> list[bytes]:
    """Give the paths of everything but directories, without a leading slash, sorted. Raises NotADeb."""
    for name, start, size in debfile.members(deb):
        if name.startswith("data.tar"):
            try:
                with tarfile.open(fileobj=debfile.Unpacked(deb, name, start, size), mode="r|") as members:
                    return _names(members)
            except (tarfile.TarError, ValueError, OverflowError) as error:
                raise NotADeb(f"{name}: {error}") from None
    raise NotADeb("no data member")


def _names(members: tarfile.TarFile) -> list[bytes]:
    found = set()
    for member in members:
        name = member.name.removeprefix("./").lstrip("/").encode(errors="surrogateescape")
        if not member.isdir() and name and len(name) <= _LONGEST and not {*b"\r\n"} & {*name}:
            found.add(name)
        members.members = []  # type: ignore[attr-defined]  # tarfile would keep every header
        if len(found) > _MOST:
            raise NotADeb(f"more than {_MOST} files")
    return sorted(found)


def main(paths: Sequence[str]) -> None:
    """Be the child: for each .deb, print how many names it has (-1: they cannot be read), then the names, by lines."""
    files = [open(path, "rb") for path in paths]  # noqa: SIM115 -- they live as long as the process
    seal(SECONDS)
    for file in files:
        try:
            found = names(file)
        except NotADeb:
            sys.stdout.buffer.write(b"-1\n")
        else:
            sys.stdout.buffer.write(b"".join((b"%d\n" % len(found), *(name + b"\n" for name in found))))


if __name__ == "__main__":
    main(sys.argv[1:])
