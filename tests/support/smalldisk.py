"""A file system of our own, small enough to be filled: a tmpfs, which only root mounts.

Ballast takes away its space or its inodes; `room` gives them back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.tools import run

PAGE = os.sysconf("SC_PAGESIZE")


class SmallDisk:
    """A mounted tmpfs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, left: int = 0) -> None:
        """Leave so many bytes free."""
        self.room()
        while (free := self._free() - left) > 0:
            with suppress(OSError), self._ballast.open("wb") as file:  # somebody else may take some of it meanwhile
                os.posix_fallocate(file.fileno(), 0, free)
                return

    def _free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def use_up_inodes(self, left: int = 0) -> None:
        """Leave so many inodes free."""
        self.room()
        self._ballast.mkdir()
        for number in range(os.statvfs(self.path).f_favail - left):
            (self._ballast / str(number)).touch()

    def room(self) -> None:
        """Take the ballast away."""
        if self._ballast.is_dir():
            for path in self._ballast.iterdir():
                path.unlink()
            self._ballast.rmdir()
        self._ballast.unlink(missing_ok=True)

    def remount(self, how: str) -> None:
        """Mount it anew, `ro` or `rw`. Raises ToolFailed while somebody has a file open for writing."""
        run(["mount", "-o", f"remount,{how}", self.path])


@contextmanager
def small_disk(path: Path, size: str, inodes: int) -> Iterator[SmallDisk]:
    """Mount a small disk on a new directory for as long as the block runs."""
    path.mkdir()
    run(["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes},mode=755", "debmill-small-disk", path])
    try:
        yield SmallDisk(path)
    finally:
        run(["umount", "--lazy", path])
        path.rmdir()
