"""Reading the papers of an entry. A link, a pipe or a directory in their place is not followed, nor waited for."""

from __future__ import annotations

import errno
import os
import stat

from queues.atomic import AnyPath
from queues.problem import Problem

LARGEST = 16 << 20  # bytes of a paper that are read
_CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOREIGN = {errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EACCES, errno.EPERM, errno.ENOTDIR}


class NotAPaper(Problem):
    """Something that is no plain file, or not ours to read."""


def opened(path: AnyPath, flags: int = os.O_RDONLY, owner: int | None = None) -> int:
    """Open a plain file, of this owner if one is named. Raises NotAPaper; FileNotFoundError and other OSErrors."""
    name = os.path.basename(path)
    try:
        descriptor = os.open(path, flags | _CAREFULLY)
    except OSError as error:
        if error.errno in _FOREIGN:
            raise NotAPaper(f"{name} is no plain file of ours: {error.strerror}") from None
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or owner not in (None, found.st_uid):
        os.close(descriptor)
        raise NotAPaper(f"{name} is no plain file" + (f" of user {owner}" if owner is not None else ""))
    return descriptor


def content(descriptor: int) -> bytes:
    """Read an open paper from its begin."""
    return os.pread(descriptor, min(os.fstat(descriptor).st_size, LARGEST), 0)


def read(path: AnyPath) -> bytes:
    """Read a plain file. Raises NotAPaper; FileNotFoundError and other OSErrors."""
    descriptor = opened(path)
    try:
        return content(descriptor)
    finally:
        os.close(descriptor)
