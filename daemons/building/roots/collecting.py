"""Taking results out of an environment: by name, regular files only, no links followed, no more than a limit.

Nothing inside takes part: the host opens the files itself, so no tool of a hostile root is asked. The copies are ours,
mode 0444, synced, and hashed as they were written.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from daemons.building.environment import Refused
from queues import atomic, machine
from queues.values import FileRef

_CHUNK = 1 << 20


def copy_out(pid: str, directory: str, names: Sequence[str], into: Path, limit: int) -> tuple[FileRef, ...]:
    """Copy files out of a directory at the root of the environment that this process is in. Raises Refused."""
    copied: list[FileRef] = []
    with _opened(f"/proc/{pid}/root{directory}") as source:
        for name in names:
            copied.append(_copy(source, name, into, limit - sum(ref.size for ref in copied)))
    atomic.disk.sync(into)
    return tuple(copied)


def _copy(directory: int, name: str, into: Path, limit: int) -> FileRef:
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise Refused(f"{name!r}: not a plain file name")
    with _regular(directory, name) as source:
        if os.fstat(source.fileno()).st_size > limit:  # before what is mostly holes fills a disk
            raise Refused(_too_large(name, limit))
        try:
            with atomic.disk.open_new(into / name) as copy:
                size, sha256 = _transfer(source, copy, name, limit)
        except Refused:
            with suppress(FileNotFoundError):
                atomic.disk.unlink(into / name)
            raise
        except FileExistsError:
            raise Refused(f"{name}: there is such a file already") from None
    atomic.disk.sync(into / name)
    return FileRef(name, size, sha256)


def _transfer(source: BinaryIO, copy: BinaryIO, name: str, limit: int) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise Refused(_too_large(name, limit))
        digest.update(chunk)
        copy.write(chunk)
    return size, digest.hexdigest()


def _too_large(name: str, limit: int) -> str:
    return f"{name}: larger than what is left of the limit, {limit} bytes"


@contextmanager
def _opened(path: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        _blame_the_machine(error)
        raise Refused(f"the directory of the results cannot be opened: {error.strerror}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _regular(directory: int, name: str) -> BinaryIO:
    """Open a regular file; a FIFO does not make us wait."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        raise Refused(f"{name}: named by the .changes, but it is not there") from None
    except OSError as error:
        _blame_the_machine(error)
        raise Refused(f"{name}: not a regular file that can be read ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused(f"{name}: not a regular file")
    return os.fdopen(descriptor, "rb")


def _blame_the_machine(error: OSError) -> None:
    """Raise the error again when no package can cause it; which files may be opened is the package's doing."""
    if machine.is_to_blame(error) and error.errno != errno.EACCES:
        raise error
