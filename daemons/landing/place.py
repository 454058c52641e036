"""One uploader's landing place, which an account of sshd writes: `NAME/incoming`, and `NAME/status` to read.

Nothing in it is trusted: files may grow, change, be links, and be replaced at any moment. Only a plain file with one
name is ever opened.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from queues import atomic

INCOMING, STATUS = "incoming", "status"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a fifo that takes a file's place does not stop us


class Unreadable(Exception):
    """A file that is not taken; the message says what it is, and what to do."""


class Landing:
    """The landing place of the uploader whose name it has."""

    def __init__(self, path: Path) -> None:
        self.uploader = path.name
        self.incoming = path / INCOMING
        self.status = path / STATUS

    def files(self) -> dict[str, os.stat_result]:
        """Give all that lies in `incoming`, by name. Raises OSError where the account took away our right to it."""
        if not os.access(self.incoming, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "we may not read and remove what is there", str(self.incoming))
        return dict(sorted(_statuses(self.incoming)))

    def open(self, name: str) -> BinaryIO:
        """Open a file to read it. Raises Unreadable; FileNotFoundError when it is gone."""
        path = self.incoming / name
        _check(path.lstat())
        try:
            file = os.fdopen(os.open(path, _READ), "rb")
        except PermissionError:
            mode = stat.S_IMODE(path.lstat().st_mode)
            raise Unreadable(f"its mode is {mode:o}, so it cannot be read: chmod 0644 it, and send it again") from None
        try:
            _check(os.fstat(file.fileno()))
        except Unreadable:
            file.close()
            raise
        return file

    def remove(self, name: str, seen: os.stat_result) -> None:
        """Remove what was seen under a name; what took its place, or is being written anew, stays."""
        with suppress(FileNotFoundError):
            if _which(os.lstat(self.incoming / name)) == _which(seen):
                atomic.remove(self.incoming / name)


def _which(status: os.stat_result) -> tuple[int, int, int]:
    """Tell a file from others; clients set mode and times when all is written, which makes no other file of it."""
    return status.st_dev, status.st_ino, status.st_size


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("it is not a plain file: remove it")
    if status.st_nlink != 1:
        raise Unreadable("it has several names (hard links): remove it, and send a copy")


def _statuses(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    for entry in os.scandir(directory):
        with suppress(FileNotFoundError):  # removed meanwhile
            yield entry.name, entry.stat(follow_symlinks=False)
