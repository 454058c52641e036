"""From mmdebstrap's tar archive, as it comes, to a directory of subordinate ids; and the way back.

Nothing is kept on the way. What a killed run left is removed by the next one for the same place.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from daemons.building.roots import entering
from queues import atomic
from queues.problem import Problem

_CHUNK = 1 << 20
_MEMORY, _DISK = Path("/dev/shm"), Path("/var/tmp")
_ROOM = 3 << 30  # bytes that mmdebstrap may want there
_UNPACK = """
mkdir root
tar --extract --numeric-owner --directory root --exclude './dev/*'
sync --file-system root
"""


# One byte stream for one tree: names in order, owners, modes, times, links, attributes and contents.
_MEASURE = (
    *("tar", "--create", "--sort=name", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--format=posix"),
    *("--pax-option=exthdr.name=%d/%f,delete=atime,delete=ctime", "."),
)


class UnpackingFailed(Problem):
    """mmdebstrap or tar failed; says what it said last."""


def unpack(making: list[str], into: Path, report: Callable[[str], object]) -> str:
    """Run mmdebstrap and unpack what it writes as `into`/root; give the SHA256. Raises UnpackingFailed."""
    said: list[str] = []
    with (
        _scratch(into) as scratch,
        subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *making],
            cwd="/",
            env={**entering.OUTSIDE, "HOME": "/nonexistent", "TMPDIR": str(scratch)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as maker,
        subprocess.Popen(
            entering.mapped(["sh", "-ec", _UNPACK]),
            cwd=into,
            env=entering.OUTSIDE,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as tar,
    ):
        assert maker.stdout is not None
        assert maker.stderr is not None
        assert tar.stdin is not None
        assert tar.stderr is not None
        reader = threading.Thread(target=_read, args=(maker.stderr, said, report))
        reader.start()
        digest = _copy(maker.stdout, tar.stdin)
        reader.join()
        complaint = tar.stderr.read().decode(errors="replace")
    if maker.returncode != 0:
        raise UnpackingFailed(f"{' '.join(making[-3:])}: {_error(said)}")
    if tar.returncode != 0:
        raise UnpackingFailed(f"{into}: a base cannot be unpacked: {complaint.strip()}")
    return digest


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    try:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            target.write(chunk)
        target.close()
    except BrokenPipeError:
        source.close()
    return digest.hexdigest()


def _read(stream: IO[bytes], said: list[str], report: Callable[[str], object]) -> None:
    for line in stream:
        text = line.decode(errors="replace").rstrip()
        said.append(text)
        if text.startswith("I: "):
            report(text.removeprefix("I: "))


def _error(said: list[str]) -> str:
    errors = [line for line in said if line.startswith(("E: ", "Err:"))]
    return (errors or said or ["it failed without a word"])[0]


def measure(root: Path) -> str:
    """Give the SHA256 of all that a directory of subordinate ids holds. Raises UnpackingFailed."""
    digest = hashlib.sha256()
    with subprocess.Popen(
        entering.mapped(_MEASURE), cwd=root, env=entering.OUTSIDE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as tar:
        assert tar.stdout is not None
        while chunk := tar.stdout.read(_CHUNK):
            digest.update(chunk)
    if tar.returncode != 0:
        raise UnpackingFailed(f"{root}: it cannot be read to the end: tar ended with status {tar.returncode}")
    return digest.hexdigest()


def discard(directory: Path) -> None:
    """Remove a directory of ours with what subordinate ids own in it; what is gone already is no error."""
    if directory.is_dir():
        theirs = entering.mapped(["find", ".", "-mindepth", "1", "-delete"])
        subprocess.run(theirs, cwd=directory, env=entering.OUTSIDE, stderr=subprocess.DEVNULL, check=False)
    atomic.remove(directory)  # what is left is ours, or empty


@contextmanager
def _scratch(into: Path) -> Iterator[Path]:
    """Give mmdebstrap a place to unpack, always the same for one cache: in memory, where there is room."""
    path = _temporary() / f"debmill-{os.getuid()}-{into.parent.stat().st_ino}"
    if path.exists() and path.lstat().st_uid != os.getuid():
        raise UnpackingFailed(f"{path} belongs to somebody else: remove it")
    discard(path)
    atomic.disk.mkdir(path)
    try:
        yield path
    finally:
        discard(path)


def _temporary() -> Path:
    try:
        room = os.statvfs(_MEMORY)
    except OSError:
        return _DISK
    return _MEMORY if room.f_bavail * room.f_frsize > _ROOM else _DISK
