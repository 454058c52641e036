"""What was ever published: one line `SHA256  NAME` per file name, never removed, synced before the publication.

A name outlives its file: also after removal, rollback or garbage collection it is never used for other content. The
file has the form of sha256sum(1); a last line cut short by a crash belongs to no publication and is ignored.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from queues import atomic
from queues.values import FileRef

_LINE = re.compile(rb"^([0-9a-f]{64})  (\S+)\n", re.MULTILINE)
_MANY = 40  # names that are cheaper found in one pass than each by a search


class Published:
    """The record of an archive's file names; it is searched where it lies."""

    def __init__(self, path: Path) -> None:
        """Open the record; it need not be there yet."""
        self.path = path

    def sha256_of(self, name: str) -> str | None:
        """Give the content that a file name stands for, for ever; None when it was never published."""
        return self._find([name]).get(name)

    def sha256_of_each(self, names: Collection[str]) -> dict[str, str]:
        """Give the contents of very many names in one pass; those that were never published are not in it."""
        return self._find(names)

    def conflict(self, files: Iterable[FileRef]) -> str:
        """Say which file's name stands for other content; empty when none does."""
        brought = list(files)
        known = self._find({ref.name for ref in brought})
        for ref in brought:
            before = known.setdefault(ref.name, ref.sha256)
            if before != ref.sha256:
                return (
                    f"{ref.name}: published before with SHA256 {before}, now {ref.sha256}: "
                    "a file name is never used for other content; use a new version"
                )
        return ""

    def remember(self, files: Iterable[FileRef]) -> None:
        """Add file names; those known already cost nothing."""
        brought = {ref.name: ref.sha256 for ref in files}
        known = self._find(brought)
        new = sorted((name, sha256) for name, sha256 in brought.items() if name not in known)
        if new:
            self._append("".join(f"{sha256}  {name}\n" for name, sha256 in new).encode())

    def _find(self, names: Collection[str]) -> dict[str, str]:
        try:
            with open(self.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as record:
                return _all(record, names) if len(names) > _MANY else _each(record, names)
        except (FileNotFoundError, ValueError):  # ValueError: it is empty
            return {}

    def _append(self, lines: bytes) -> None:
        if not self.path.exists():
            atomic.disk.create(self.path, lines, 0o644)
            atomic.disk.sync(self.path.parent)
        else:
            with open(self.path, "a+b") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - 1, 0))
                whole = file.read() in (b"", b"\n")
                atomic.disk.append(file.fileno(), lines if whole else b"\n" + lines)


def _one(record: mmap.mmap, name: str) -> tuple[str, str] | None:
    line = b"  %b\n" % name.encode()
    end = record.find(line)
    while end >= 0:
        if match := _LINE.match(record, record.rfind(b"\n", 0, end) + 1):
            return name, match[1].decode()
        end = record.find(line, end + 1)
    return None


def _each(record: mmap.mmap, names: Iterable[str]) -> dict[str, str]:
    return dict(filter(None, (_one(record, name) for name in names)))


def _all(record: mmap.mmap, names: Collection[str]) -> dict[str, str]:
    wanted = {name.encode() for name in names}
    found = ((match[2], match[1]) for match in _LINE.finditer(record) if match[2] in wanted)
    return {name.decode(): sha256.decode() for name, sha256 in found}
