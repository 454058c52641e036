"""What was ever published: one line `SHA256  NAME` per file name, never removed, synced before the publication.

A name outlives its file: also after removal, rollback or garbage collection it is never used for other content. The
file has the form of sha256sum(1); a last line cut short by a crash belongs to no publication and is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from queues import atomic
from queues.values import FileRef

_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")


class Published:
    """The record of an archive's file names."""

    def __init__(self, path: Path) -> None:
        """Open the record; it need not be there yet."""
        self.path = path
        self._names: dict[str, str] = {}
        self._size = -1

    def sha256_of(self, name: str) -> str | None:
        """Give the content that a file name stands for, for ever; None when it was never published."""
        return self._read().get(name)

    def conflict(self, files: Iterable[FileRef]) -> str:
        """Say which file's name stands for other content; empty when none does."""
        names = self._read()
        for ref in files:
            before = names.get(ref.name, ref.sha256)
            if before != ref.sha256:
                return (
                    f"{ref.name}: published before with SHA256 {before}, now {ref.sha256}: "
                    "a file name is never used for other content; use a new version"
                )
        return ""

    def remember(self, files: Iterable[FileRef]) -> None:
        """Add file names; those known already cost nothing."""
        names = self._read()
        new = sorted({(ref.name, ref.sha256) for ref in files if ref.name not in names})
        if new:
            self._append("".join(f"{sha256}  {name}\n" for name, sha256 in new).encode())

    def _read(self) -> dict[str, str]:
        size = self.path.stat().st_size if self.path.exists() else 0
        if size != self._size:
            lines = self.path.read_text().split("\n")[:-1] if size else []
            found = filter(None, map(_LINE.fullmatch, lines))
            self._names, self._size = {match[2]: match[1] for match in found}, size
        return self._names

    def _append(self, lines: bytes) -> None:
        if not self.path.exists():
            atomic.disk.create(self.path, lines, 0o644)
            atomic.disk.sync(self.path.parent)
        else:
            whole = self.path.read_bytes()[-1:] in (b"", b"\n")
            with open(self.path, "ab") as file:
                atomic.disk.append(file.fileno(), lines if whole else b"\n" + lines)
