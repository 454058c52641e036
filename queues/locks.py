"""Locks on directories: held by an open descriptor, gone with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from queues.atomic import AnyPath

FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def hold(path: AnyPath, *, wait: bool = False) -> int:
    """Lock a directory and give the descriptor that holds the lock.

    Closing the descriptor frees it. It is never unlocked: a child's unlock would free the parent's lock. Raises
    BlockingIOError when it is somebody's, FileNotFoundError when it is gone, NotADirectoryError for a link or a file.
    """
    descriptor = os.open(path, FLAGS)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def held(path: AnyPath) -> Iterator[None]:
    """Hold a directory's lock for as long as the block runs; waits for it. Raises FileNotFoundError."""
    descriptor = hold(path, wait=True)
    try:
        yield
    finally:
        os.close(descriptor)


def is_free(path: AnyPath) -> bool:
    """Say whether nobody holds a directory's lock at this moment. Raises FileNotFoundError."""
    try:
        os.close(hold(path))
    except BlockingIOError:
        return False
    return True
