"""The digests of uploaded files that were computed while their bytes came, so that a verdict reads nothing twice.

A file is known by its inode, size and time, whatever name it has by now. That is enough only for files that nobody but
this process could write: it made them, and they were sealed before their digest was noted. Any other file is read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from archive import pool

MOST = 20_000  # files that are remembered
Identity = tuple[int, int, int, int]


class Digests:
    """SHA256 digests in hex of the files that came last."""

    def __init__(self) -> None:
        self._known: OrderedDict[Identity, str] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, path: Path, sha256: str | None) -> None:
        """Remember the digest of a file that is sealed; None: its bytes came out of order, so it must be read."""
        with self._lock:
            self._known.pop(_identity(path), None)
            if sha256 is not None:
                self._known[_identity(path)] = sha256
            if len(self._known) > MOST:
                self._known.popitem(last=False)

    def __call__(self, path: Path) -> str:
        """Give the digest of a file, without reading it where it is known."""
        with self._lock:
            known = self._known.get(_identity(path))
        return known or pool.digest(path)


def _identity(path: Path) -> Identity:
    status = path.lstat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
