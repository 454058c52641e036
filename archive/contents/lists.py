"""The names of the files in each .deb, kept beside the published tree; where they are missing, they are read again."""

from __future__ import annotations

import gzip
import logging
import subprocess
import sys
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from queues import atomic
from queues.values import FileRef

_HERE = Path(__file__).resolve().parents[2]
_BATCH = 800  # files that one child reads: a process may usually have 1,024 open
log = logging.getLogger(__name__)
Names = list[bytes]


class Lists:
    """The kept lists, by the SHA256 of the .deb."""

    def __init__(self, path: Path, root: Path) -> None:
        """Name the directory, made when there is something to keep, and the document root that files are named from."""
        self._path = path
        self._root = root

    def of(self, debs: Sequence[FileRef]) -> dict[str, Names]:
        """Give the names in .debs of the pool by SHA256; none for one that cannot be read."""
        found = {deb.sha256: self._kept(deb.sha256) for deb in debs}
        missing = [deb for deb in debs if found[deb.sha256] is None]
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            for deb, names in zip(batch, _read([self._root / deb.name for deb in batch]), strict=True):
                if names is None:
                    log.warning("%s: the names of its files cannot be read: Contents does not have them", deb.name)
                found[deb.sha256] = names or []
                self._keep(deb.sha256, names or [])
        return {sha256: names or [] for sha256, names in found.items()}

    def forget(self, debs: Iterable[FileRef]) -> None:
        """Remove the lists of .debs that an index lost; another suite that has them reads them again."""
        for deb in debs:
            atomic.remove(self._at(deb.sha256))

    def _kept(self, sha256: str) -> Names | None:
        try:
            return gzip.decompress(self._at(sha256).read_bytes()).split(b"\n")[:-1]
        except (OSError, EOFError, zlib.error):
            return None

    def _keep(self, sha256: str, names: Names) -> None:
        path = self._at(sha256)
        with suppress(OSError):
            atomic.make(path.parent)
            path.write_bytes(gzip.compress(b"".join(name + b"\n" for name in names), 1))

    def _at(self, sha256: str) -> Path:
        return self._path / sha256[:2] / sha256


def _read(paths: Sequence[Path]) -> list[Names | None]:
    """Have a child read .debs; where one of them is too much for it, only that one has no answer."""
    command = [sys.executable, "-m", "archive.contents.files", *map(str, paths)]
    ended = subprocess.run(command, cwd=_HERE, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if ended.returncode == 0:
        lines = iter(ended.stdout.split(b"\n"))
        counts = (int(next(lines)) for _ in paths)
        return [None if count < 0 else [*islice(lines, count)] for count in counts]
    half = len(paths) // 2
    return [*_read(paths[:half]), *_read(paths[half:])] if half else [None]
