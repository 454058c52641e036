"""Reading the papers of an entry. A link, a pipe or a directory in their place is not followed, nor waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from queues.problem import Problem

LARGEST = 16 << 20  # bytes of a paper that are read
_FOREIGN = {errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EACCES, errno.EPERM, errno.ENOTDIR}


class NotAPaper(Problem):
    """Something that is no plain file, or not ours to read."""


def read(path: Path) -> bytes:
    """Read a plain file. Raises NotAPaper; FileNotFoundError and other OSErrors."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _FOREIGN:
            raise NotAPaper(f"{path.name} is no plain file of ours: {error.strerror}") from None
        raise
    try:
        size = _size(descriptor, path)
        return os.read(descriptor, min(size, LARGEST))
    finally:
        os.close(descriptor)


def check(path: Path, owner: int) -> None:
    """See that a paper, if it is there, is a plain file of this owner. Raises NotAPaper."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_uid != owner:
        raise NotAPaper(f"{path.name} is no plain file of user {owner}")


def _size(descriptor: int, path: Path) -> int:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise NotAPaper(f"{path.name} is no plain file")
    return found.st_size
