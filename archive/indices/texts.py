"""The plain texts of indices, kept beside the published tree, for a publication hashes all of a text it changed little.

They are derived: each is compared with what Release says before it is used, and may be deleted at any time. There is
one for each index, which is named by its path below `dists`.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from archive.release import Digest
from queues import atomic


class Texts:
    """The kept texts of an archive's indices."""

    def __init__(self, path: Path) -> None:
        """Name the directory; it is made when there is something to keep."""
        self._path = path

    def get(self, index: str, digest: Digest) -> memoryview | None:
        """Give a text, if it is here and as it should be."""
        try:
            with open(self._path / index / digest.sha256, "rb") as file:
                text = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError):  # none, or an empty file
            return None
        return text if (len(text), hashlib.sha256(text).hexdigest()) == digest else None

    def put(self, index: str, digest: Digest, parts: Iterable[memoryview | bytes]) -> None:
        """Keep the text of an index instead of the one before; where that fails, there is none."""
        directory = self._path / index
        with suppress(OSError):
            atomic.make(directory)
            with open(directory / digest.sha256, "wb") as file:
                file.writelines(parts)
        self._forget(directory, digest.sha256)

    def _forget(self, directory: Path, but: str) -> None:
        with suppress(OSError):
            for name in os.listdir(directory):
                if name != but:
                    atomic.remove(directory / name)
