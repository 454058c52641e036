"""The files that a feed names: measured, and .ipk files made of the pool's .debs where they are missing.

The .ipk lies beside its .deb in the pool. It is made by a child that can open nothing else (`archive.opkg.ipk`),
for what a build produced is hostile; it is hashed here, recorded as published, and linked into the pool.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from archive.opkg.records import Facts
from archive.pool import Member, NameTaken, Pool
from archive.published import Published
from queues import atomic
from queues.problem import Problem
from queues.values import FileRef

_TOGETHER = 64  # packages that one child is given
_CHUNK = 1 << 20
_HERE = Path(__file__).resolve().parents[2]


class NotMade(Problem):
    """A package that cannot be offered to opkg; the message names it and says why."""


def facts(pool: Pool, published: Published, filenames: Iterable[str], stage: Path) -> dict[str, Facts]:
    """Measure files of the pool by path below the document root; an .ipk that is missing is made.

    `stage` is a directory of the pool's file system that is made and removed here. Raises NotMade.
    """
    wanted = sorted(set(filenames))
    missing = [name for name in wanted if not (pool.root / name).exists()]
    lost = [deb for name in missing if not (deb := _deb(pool.root / name)).exists()]
    if lost:
        raise NotMade(f"{lost[0]}: an index names it and it is not there; restore it from a backup")
    if missing:
        _make(pool, published, missing, stage)
    return {name: _measure(pool.root / name) for name in wanted}


def _make(pool: Pool, published: Published, missing: Sequence[str], stage: Path) -> None:
    for start in range(0, len(missing), _TOGETHER):
        batch = missing[start : start + _TOGETHER]
        atomic.disk.mkdir(stage)
        try:
            members = list(_converted(pool.root, batch, stage))
            refs = [member.ref for member in members]
            conflict = published.conflict(refs)
            if conflict:
                raise NotMade(conflict)
            published.remember(refs)
            pool.add(members)
        except NameTaken as taken:
            raise NotMade(str(taken)) from None
        finally:
            atomic.remove(stage)


def _converted(root: Path, batch: Sequence[str], stage: Path) -> Iterator[Member]:
    paths = [stage / Path(name).name for name in batch]
    with ExitStack() as opened:
        debs = [opened.enter_context(_deb(root / name).open("rb")) for name in batch]
        ipks = [opened.enter_context(atomic.disk.open_new(path)) for path in paths]
        _convert(batch, debs, ipks)
    for name, path in zip(batch, paths, strict=True):
        atomic.disk.sync(path)
        measured = _measure(path)
        yield Member(str(Path(name).parent), FileRef(path.name, measured.size, measured.sha256), path)


def _convert(batch: Sequence[str], debs: Sequence[BinaryIO], ipks: Sequence[BinaryIO]) -> None:
    jobs = [
        (_deb(Path(name)).name, deb.fileno(), ipk.fileno()) for name, deb, ipk in zip(batch, debs, ipks, strict=True)
    ]
    command = [sys.executable, "-m", "archive.opkg.ipk", *(str(word) for job in jobs for word in job)]
    open_files = [number for _, *numbers in jobs for number in numbers]
    ended = subprocess.run(
        command, cwd=_HERE, stdin=subprocess.DEVNULL, capture_output=True, check=False, pass_fds=open_files
    )
    if ended.returncode != 0:
        complaint = ended.stderr.decode(errors="replace").strip().splitlines()
        raise NotMade(
            f"no .ipk can be made: {complaint[-1] if complaint else f'the maker ended with {ended.returncode}'}"
        )


def _deb(ipk: Path) -> Path:
    return ipk.with_suffix(".deb")


def _measure(path: Path) -> Facts:
    """Read a file once for both hashes."""
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            md5.update(chunk)
            sha256.update(chunk)
            size += len(chunk)
    return Facts(size, md5.hexdigest(), sha256.hexdigest())
