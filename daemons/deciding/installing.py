"""Runs the checker of dependencies over what an upload brings, in its suite and the Debian suite below.

dose-debcheck(1) is optional: without it, nothing is checked, and that is said. What Debian has is read from the lists
of this machine's own apt.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from archive import installable
from archive.inclusion import Built
from archive.installable import Found
from archive.keeping import comparing
from archive.snapshot import DISTS
from daemons.sites import Site
from daemons.steering.operating import RELEASED
from queues.history import Event
from queues.values import Suite

TOOL = "dose-debcheck"
LOOKED_AT = "looked at"
SECONDS, MEMORY = 300, 4 << 30
_LIMITS = ("prlimit", f"--cpu={SECONDS}", f"--as={MEMORY}", "--core=0", "nice", "-n", "10")
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
_CAT = "/usr/lib/apt/apt-helper"


class _Unable(Exception):
    """Nothing can be checked; says why."""


def released_by(events: Sequence[Event]) -> str:
    """Name who released an upload after it was held for what cannot be installed; empty: nobody did."""
    objected = False
    for event in events:
        objected = objected or (event.event == LOOKED_AT and "objection" in event.facts)
        if objected and event.event == RELEASED:
            return event.facts.get("by", "somebody")
    return ""


def check(site: Site, suite: Suite, new: Sequence[Built]) -> Found:
    """Check every new binary, in each architecture that has some."""
    try:
        found = [one for name in installable.architectures(suite, new) for one in _in(site, suite, new, name)]
    except _Unable as unable:
        return Found(unchecked=str(unable))
    return Found(tuple(dict.fromkeys(found)))


def _in(site: Site, suite: Suite, new: Sequence[Built], architecture: str) -> tuple[str, ...]:
    if shutil.which(TOOL, path=_ENVIRONMENT["PATH"]) is None:
        raise _Unable(f"{TOOL} is not here; it is in Debian's package dose-distcheck")
    if suite.sources:
        raise _Unable(f"{suite.name} builds with more sources than the mirror, whose packages are not known here")
    with TemporaryDirectory(prefix="debmill-") as place:
        ours, old = Path(place, "new"), Path(place, "old")
        ours.write_bytes(installable.foreground(suite, new, architecture))
        with old.open("wb") as file:
            for text in (*_published(site, suite, new, architecture), *_mirrored(suite.base, architecture)):
                file.write(text)
        command = [TOOL, f"--deb-native-arch={architecture}", f"--fg={ours}", f"--bg={old}", "--failures", "--explain"]
        return installable.read(_said([*_LIMITS, *command], 1).decode(errors="replace"))


def _published(site: Site, suite: Suite, new: Sequence[Built], architecture: str) -> Iterator[bytes]:
    """Give what the suite has besides what is replaced."""
    replaced = {one.stanza.package.encode() for one in new}
    current = site.repository.current(suite.name)
    for component in suite.components if current else ():
        place = site.archive / "snapshots" / str(current) / DISTS / suite.name
        index = place / component / f"binary-{architecture}" / "Packages.gz"
        for piece in comparing.packed(index) if index.exists() else ():
            yield installable.without((text + b"\n" for text in comparing.unpacked(index, piece)), replaced)


def _mirrored(base: str, architecture: str) -> Iterator[bytes]:
    """Give what Debian has."""
    wanted = ("Created-By: Packages", f"Codename: {base}", f"Architecture: {architecture}")
    listed = _said(["apt-get", "indextargets", "--format", "$(FILENAME)", *wanted]).decode().splitlines()
    if not listed:
        raise _Unable(f"apt on this machine has no package lists of {base} for {architecture}")
    for name in listed:
        yield _said([_CAT, "cat-file", name])


def _said(command: Sequence[str], most: int = 0) -> bytes:
    """Give what a program wrote; it may end with a status of at most `most`."""
    try:
        done = subprocess.run(
            command,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=2 * SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _Unable(str(error)) from None
    if not 0 <= done.returncode <= most:
        complaint = done.stderr.decode(errors="replace").strip().splitlines()
        raise _Unable(f"{command[0]} ended with {done.returncode}: {complaint[-1] if complaint else 'no word'}")
    return done.stdout
