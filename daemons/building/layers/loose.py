"""An archive of .debs that are published nowhere yet, made for one build: what others of its set made.

They were checked when they were built, are linked as they lie, and apt compares them with the lists. Nobody signs them;
the lists are trusted as they lie, in a directory of ours that the build itself never sees.
Source: the repository format page of Debian's wiki; sources.list(5), trusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.utils import format_datetime
from pathlib import Path

from archive import reading, stanzas
from daemons.building.environment import LocalArchive
from queues import atomic
from queues.values import BuildResult

SUITE, COMPONENT = "set", "main"
_POOL = "pool"


def lay(into: Path, built: Sequence[tuple[BuildResult, Path]], architecture: str) -> LocalArchive:
    """Make the archive in a new directory; each path is the `files` of a part.

    Raises FileNotFoundError when a part is gone meanwhile, Unreadable, Malformed.
    """
    index = f"{COMPONENT}/binary-{architecture}/Packages"
    atomic.make((into / "dists" / SUITE / index).parent)
    atomic.make(into / _POOL)
    debs = [(ref, path / ref.name) for result, path in built for ref in result.files if ref.name.endswith(".deb")]
    for ref, path in debs:
        atomic.disk.link(path, into / _POOL / ref.name)
    found = zip(debs, reading.read([path for _, path in debs]), strict=True)
    texts = [stanzas.binary(fields, f"{_POOL}/{ref.name}", ref.size, ref.sha256).text for (ref, _), fields in found]
    packages = b"\n".join(texts)
    atomic.disk.create(into / "dists" / SUITE / index, packages)
    date = format_datetime(max(result.finished for result, _ in built), usegmt=True)
    release = (
        f"Suite: {SUITE}\nCodename: {SUITE}\nDate: {date}\nArchitectures: {architecture}\nComponents: {COMPONENT}\n"
        f"SHA256:\n {hashlib.sha256(packages).hexdigest()} {len(packages)} {index}\n"
    )
    atomic.disk.create(into / "dists" / SUITE / "Release", release.encode())
    return LocalArchive(into, SUITE, (COMPONENT,), None)
