"""The only module that renames, links, removes and syncs.

`disk` is the one object every change of state goes through; a test replaces it and dies at the call of its choice.
Each method is one system call, or one file written, synced and closed. The functions below put the calls together.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

AnyPath = str | os.PathLike[str]


class Disk:
    """System calls that change what is on disk; paths are given whole."""

    def mkdir(self, path: AnyPath, mode: int = 0o755) -> None:
        """Make one directory with exactly this mode, whatever the umask."""
        os.mkdir(path, mode)
        os.chmod(path, mode)

    def create(self, path: AnyPath, data: bytes, mode: int = 0o444) -> None:
        """Write a new file and sync it. Raises FileExistsError."""
        descriptor = _new(path, mode)
        try:
            _write(descriptor, data)
            os.fsync(descriptor)
        except OSError as error:
            raise _named(error, path) from None
        finally:
            os.close(descriptor)

    def begin(self, path: AnyPath, data: bytes, mode: int = 0o444) -> int:
        """Write a new file, start its way to the disk, and give its descriptor for `finish`. Raises FileExistsError."""
        descriptor = _new(path, mode)
        try:
            _write(descriptor, data)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # starts the writing; does not wait
        except OSError as error:
            os.close(descriptor)
            raise _named(error, path) from None
        return descriptor

    def finish(self, descriptor: int) -> None:
        """Wait until a file that was begun is on the disk."""
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise _named(error, _name_of(descriptor)) from None

    def open_new(self, path: AnyPath, mode: int = 0o444) -> BinaryIO:
        """Open a new file for writing, with exactly this mode. Raises FileExistsError."""
        return os.fdopen(_new(path, mode), "wb")

    def append(self, descriptor: int, data: bytes, *, sync: bool = True) -> None:
        """Write at the end of a file that was opened for it, and sync it."""
        try:
            _write(descriptor, data)
            if sync:
                os.fsync(descriptor)
        except OSError as error:
            raise _named(error, _name_of(descriptor)) from None

    def rename(self, old: AnyPath, new: AnyPath) -> None:
        """Rename; a file replaces a file."""
        os.rename(old, new)

    def link(self, old: AnyPath, new: AnyPath) -> None:
        """Give a file a second name. Raises FileExistsError."""
        os.link(old, new, follow_symlinks=False)

    def symlink(self, target: str, path: AnyPath) -> None:
        """Make a symbolic link. Raises FileExistsError."""
        os.symlink(target, path)

    def unlink(self, path: AnyPath) -> None:
        """Remove a file."""
        os.unlink(path)

    def rmdir(self, path: AnyPath) -> None:
        """Remove an empty directory."""
        os.rmdir(path)

    def sync_all(self) -> None:
        """Sync every file system: for very many files, one call takes less than one for each."""
        os.sync()

    def sync(self, path: AnyPath) -> None:
        """Sync a directory or a file."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise _named(error, path) from None
        finally:
            os.close(descriptor)


def _new(path: AnyPath, mode: int) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    os.fchmod(descriptor, mode)
    return descriptor


def _name_of(descriptor: int) -> str:
    return os.path.realpath(f"/proc/self/fd/{descriptor}")


def _named(error: OSError, path: AnyPath) -> OSError:
    """Name the file in the error of a call that knew only a descriptor."""
    error.filename = str(path)
    return error


def _write(descriptor: int, data: bytes) -> None:
    while data:  # a full disk takes a part, and refuses the rest at the next call
        data = data[os.write(descriptor, data) :]


disk = Disk()


def create(*files: tuple[AnyPath, bytes, int]) -> None:
    """Write new files (path, content, mode) and sync them; all are under way before the last one is waited for.

    Synced one by one, each would be a commit of the file system's journal of its own.
    """
    *others, last = files
    begun: list[int] = []
    try:
        for path, data, mode in others:
            begun.append(disk.begin(path, data, mode))
        disk.create(*last)
        for descriptor in begun:
            disk.finish(descriptor)
    finally:
        for descriptor in begun:
            os.close(descriptor)


def aside(path: Path) -> Path:
    """Give where `replace` and `point` make what is to have this name; who died there has left it."""
    return path.with_name(f".{path.name}.new")


def replace(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old content or the new; the name is synced. One writer at a time."""
    new = aside(path)
    new.unlink(missing_ok=True)
    disk.create(new, data, mode)
    disk.rename(new, path)
    disk.sync(path.parent)


def point(path: Path, target: str) -> None:
    """Make a symbolic link, or turn an existing one, in one rename; the name is synced."""
    new = aside(path)
    new.unlink(missing_ok=True)
    disk.symlink(target, new)
    disk.rename(new, path)
    disk.sync(path.parent)


def move(old: Path, new: Path) -> None:
    """Rename a directory into another room, and sync that room: a rename reaches a journalling disk whole."""
    disk.rename(old, new)
    disk.sync(new.parent)


def remove(path: AnyPath) -> None:
    """Remove a file or a whole directory tree, following no link; what is gone already is no error."""
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            for name in os.listdir(path):
                remove(os.path.join(path, name))
            disk.rmdir(path)
        else:
            disk.unlink(path)
    except FileNotFoundError:
        return


def make(path: Path, mode: int = 0o755) -> None:
    """Make a directory and its parents where they are missing."""
    if not path.is_dir():
        make(path.parent)
        try:
            disk.mkdir(path, mode)
        except FileExistsError:
            return
