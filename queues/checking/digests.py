"""Hashes of files that are never changed: one that lies in several places by hard links is read once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock

from queues.values import FileRef

CHUNK = 1 << 20


class Digests:
    """Remembers what was hashed; `report` is told of every chunk how many bytes it had.

    `quick`: no content is read, and a file of the right size counts as the right one.
    """

    def __init__(self, report: Callable[[int], object] = lambda _: None, *, quick: bool = False) -> None:
        self.quick = quick
        self._report = report
        self._reporting = Lock()
        self._known: dict[tuple[int, int, int, int], str] = {}

    def ahead(self, paths: Iterable[Path]) -> None:
        """Hash files that will be asked for, over all cores (hashlib lets others run meanwhile); not when quick.

        What cannot be read is left for the question.
        """
        if not self.quick:
            with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
                for _ in pool.map(self._try, paths):
                    pass

    def of(self, path: Path) -> str:
        """Give the SHA256 of a file in lower-case hex. Raises OSError."""
        found = path.stat()
        key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if key not in self._known:
            self._known[key] = self._read(path)
        return self._known[key]

    def objection(self, path: Path, ref: FileRef, *, always: bool = False) -> str:
        """Say in which respect a file is not the one of a record; empty when it is. `always`: also when quick."""
        try:
            size = path.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            return "it is missing"
        if path.is_symlink() or not path.is_file():
            return "it is no plain file"
        if size != ref.size:
            return f"it has {size} bytes, not {ref.size}"
        if (always or not self.quick) and self.of(path) != ref.sha256:
            return f"its SHA256 is {self.of(path)}, not {ref.sha256}"
        return ""

    def _try(self, path: Path) -> None:
        with suppress(OSError):
            self.of(path)

    def _read(self, path: Path) -> str:
        digest = hashlib.sha256()
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                with self._reporting:
                    self._report(len(chunk))
        return digest.hexdigest()
