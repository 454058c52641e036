"""Bases: unpacked Debian systems, one per suite and architecture, that environments are laid over.

A base is a directory `SUITE-ARCHITECTURE-DIGEST` of a cache, DIGEST being 12 hex of the SHA256 of the tar archive that
mmdebstrap made. `root` in it belongs to subordinate ids and never changes; `mount` is an empty place to mount on. A
base is made aside and renamed, so what is there is whole, and a failure leaves the old one. Nothing here is run as
root, and nothing of this machine's apt settings gets into a base but the mirror and the proxy. `contents` is the SHA256
of all that `root` held when it was first measured, which is when it was made.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from daemons.building.bases import mirror, unpacking
from queues import atomic
from queues.problem import Problem

Report = Callable[[str], object]
_NAME = re.compile(r"(?P<suite>[a-z][a-z0-9.+-]*)-(?P<architecture>[a-z0-9]+)-(?P<digest>[0-9a-f]{12})")
_ASIDE, _CONTENTS = ".making", "contents"
KEPT = 2  # of each suite and architecture: the newest, and the one that builds of yesterday were made on


class BaseFailed(Problem):
    """A base that cannot be made, or is not there."""


class BaseInUse(Problem):
    """A base that cannot be removed, for an environment uses it, or that is being removed."""


class Base(Struct, frozen=True):
    """One unpacked Debian system; `path` is its directory in the cache."""

    suite: str
    architecture: str
    digest: str
    path: Path

    @property
    def made(self) -> datetime:
        """Say when it was made."""
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)

    def hold(self, *, alone: bool = False) -> int:
        """Keep it from being removed until the descriptor given here is closed. Raises BaseInUse, BaseFailed."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise BaseFailed(f"{self.path}: the base cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BaseInUse(f"{self.path}: in use; try again when its builds have ended") from None
        return descriptor


def at(path: Path) -> Base:
    """Give the base that a directory, or a link to one, is. Raises BaseFailed."""
    real = path.resolve()
    match = _NAME.fullmatch(real.name)
    if match is None or not (real / "root").is_dir():
        raise BaseFailed(f"{path}: not a base of build environments; make one with 'debmill environment create'")
    return Base(match["suite"], match["architecture"], match["digest"], real)


def listing(cache: Path) -> list[Base]:
    """Give every base of a cache, the newest of each suite and architecture first."""
    found = [at(path) for path in cache.glob("*-*-*") if _NAME.fullmatch(path.name)] if cache.is_dir() else []
    newest_first = sorted(found, key=lambda base: base.made, reverse=True)
    return sorted(newest_first, key=lambda base: (base.suite, base.architecture))


def find(cache: Path, suite: str, architecture: str) -> Base | None:
    """Give the newest base of a suite and architecture; None when there is none."""
    return next((base for base in listing(cache) if (base.suite, base.architecture) == (suite, architecture)), None)


def create(
    cache: Path,
    suite: str,
    architecture: str,
    report: Report,
    variant: str = "buildd",
    packages: Sequence[str] = ("fakeroot",),
) -> Base:
    """Make a base from the machine's mirror, whatever is there already. Raises BaseFailed, NoMirror.

    `variant` is one of mmdebstrap(1)'s, `packages` are what it shall hold besides.
    """
    source = mirror.find(suite)
    atomic.make(cache)
    with _aside(cache) as aside:
        digest = unpacking.unpack(_mmdebstrap(source, suite, architecture, variant, packages), aside, report)
        path = cache / f"{suite}-{architecture}-{digest[:12]}"
        if not path.exists():
            atomic.disk.mkdir(aside / "mount")
            atomic.disk.create(aside / _CONTENTS, unpacking.measure(aside / "root").encode())
            os.chmod(aside, 0o755)
            atomic.move(aside, path)
    os.utime(path)  # to the last octet what the mirror gives now, even if it was here before
    return at(path)


def trim(cache: Path, suite: str, architecture: str) -> list[Base]:
    """Remove all but the newest bases of a suite and architecture, and what is in use, and give them."""
    own = [one for one in listing(cache) if (one.suite, one.architecture) == (suite, architecture)]
    gone = []
    for one in own[KEPT:]:
        with suppress(BaseInUse):
            remove(one)
            gone.append(one)
    return gone


def unchanged(base: Base) -> bool:
    """Say whether a base holds what it held when it was made; an older one is measured now. Raises Problem."""
    measured, noted = unpacking.measure(base.path / "root"), base.path / _CONTENTS
    try:
        return noted.read_text() == measured
    except FileNotFoundError:
        atomic.disk.create(noted, measured.encode())
        return True


def remove(base: Base) -> None:
    """Remove a base. Raises BaseInUse."""
    held = base.hold(alone=True)
    try:
        gone = base.path.with_name(f"{_ASIDE}.{base.path.name}")
        atomic.disk.rename(base.path, gone)
        unpacking.discard(gone)
    finally:
        os.close(held)


@contextmanager
def _aside(cache: Path) -> Iterator[Path]:
    """Give a directory to make a base in, of which there is one at a time; what a dead process left is discarded."""
    room = cache / _ASIDE
    atomic.make(room, 0o700)  # nobody else gets in, for what is in it must be writable by subordinate ids
    lock = os.open(room, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    aside = room / "base"
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in [*cache.glob(f"{_ASIDE}.*"), aside]:
            unpacking.discard(leftover)
        atomic.disk.mkdir(aside, 0o777)
        yield aside
    finally:
        unpacking.discard(aside)
        os.close(lock)


def _mmdebstrap(
    source: mirror.Mirror, suite: str, architecture: str, variant: str, packages: Sequence[str]
) -> list[str]:
    """Give the command that writes a tar archive; its apt reads no setting of this machine."""
    key = shlex.quote(str(source.signed_by))
    wanted = [*packages, *(["ca-certificates"] if source.uri.startswith("https") else [])]
    return [
        *("mmdebstrap", "--mode=unshare", f"--variant={variant}", "--format=tar", f"--architectures={architecture}"),
        f"--include={','.join(wanted)}",
        *(["--skip=check/qemu"] if architecture == "i386" else []),  # amd64 runs it; the check wants a package more
        *(f"--aptopt={proxy}" for proxy in source.proxies),
        f'--customize-hook=install -D -m 644 {key} "$1"{key}',
        *(suite, "-", source.source(suite)),
    ]
