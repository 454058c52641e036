"""Published files as they lie, seen without being read whole."""

from __future__ import annotations

import mmap
from pathlib import Path

from archive import release
from archive.indices import Damaged
from archive.release import Digest


def mapped(path: Path) -> memoryview:
    """Give the content of a file, which is never empty. Raises Damaged."""
    try:
        with open(path, "rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise Damaged(f"{path}: {error}; restore it from a backup") from None


def sound(path: Path, listed: Digest | None) -> memoryview:
    """Give the content of a file, compared with what Release lists. Raises Damaged."""
    content = mapped(path)
    if release.digest(content) != listed:
        raise Damaged(f"{path}: not the content its Release lists; restore it from a backup")
    return content
