"""Files on their way into the archive by hand: copied to where nobody else has them open, and can be linked from."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from archive.delivery import Material
from archive.pool import plain
from queues import atomic, locks
from queues.problem import Problem
from queues.values import FileRef

_NAMED = re.compile(rb"^ [0-9a-f]{64} [0-9]+ (\S+)$", re.MULTILINE)
_EPOCH = re.compile(r"_[0-9]+%3a")  # apt writes it into the names of what it downloads; the archive's have none
_STAGE = ".including-"
_LARGEST = 4 << 20
_CHUNK = 1 << 20
_MANY = 100
_UNUSED = (".changes", ".buildinfo", ".upload")


def beside(path: Path, file: BinaryIO) -> list[Path]:
    """Give the files that lie beside a .changes or .dsc and are named in it."""
    named = [match.decode() for match in _NAMED.findall(file.read(_LARGEST))]
    return [path.with_name(name) for name in named if plain(name) and path.with_name(name).is_file()]


def found(paths: Sequence[Path]) -> dict[str, Path]:
    """Find the .debs and .dscs, with what those name, among files and below directories. Raises Problem."""
    everything: dict[str, Path] = {}
    for path in (one for given in paths for one in (sorted(given.rglob("*")) if given.is_dir() else [given])):
        if path.suffix in (".deb", ".dsc"):
            for one in (path, *_beside(path)):
                if everything.setdefault(one.name, one) != one and not _same(one, everything[one.name]):
                    raise Problem(f"{one}: another file than {everything[one.name]}, of the same name; leave one out")
    return everything


def _beside(path: Path) -> list[Path]:
    if path.suffix != ".dsc":
        return []
    with path.open("rb") as file:
        return beside(path, file)


def _same(one: Path, other: Path) -> bool:
    return one.samefile(other) or one.read_bytes() == other.read_bytes()


@contextmanager
def staged(archive: Path, files: Mapping[str, BinaryIO | Path]) -> Iterator[list[Material]]:
    """Copy files, open ones or by path, to beside the archive, hashed and synced; they go when the block is left.

    Raises Problem where two names differ by an epoch only.
    """
    wanted: dict[str, str] = {}
    for given in (name for name in sorted(files) if not name.endswith(_UNUSED)):
        if (other := wanted.setdefault(_EPOCH.sub("_", given), given)) != given:
            raise Problem(f"{given}: it would have the name of {other}, too; leave one of them out")
    with _stage(archive.parent) as stage:
        with click.progressbar(wanted.items(), label="copying", hidden=len(wanted) <= _MANY) as names:
            copies = [_copied(files[given], stage / name) for name, given in names]
        if len(copies) > _MANY:
            atomic.disk.sync_all()
        else:
            for copy in copies:
                atomic.disk.sync(copy.path)
        yield copies


@contextmanager
def _stage(beside: Path) -> Iterator[Path]:
    """Make a directory that is locked as long as it is used; those of commands that were killed go."""
    with locks.held(beside):
        for left in beside.glob(f"{_STAGE}*"):
            if locks.is_free(left):
                atomic.remove(left)
        stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=beside))
        lock = locks.hold(stage)
    try:
        yield stage
    finally:
        atomic.remove(stage)
        os.close(lock)


def _copied(source: BinaryIO | Path, target: Path) -> Material:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _copied(file, target)
    source.seek(0)
    hasher, size = hashlib.sha256(), 0
    with atomic.disk.open_new(target) as copy:
        while chunk := source.read(_CHUNK):
            hasher.update(chunk)
            copy.write(chunk)
            size += len(chunk)
    return Material(FileRef(target.name, size, hasher.hexdigest()), target)
