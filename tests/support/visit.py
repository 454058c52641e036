"""A program: run a shell script as root of a fresh system that has an uploader's programs, and end with its status.

Run with `python -P` by the Python in which debmill is installed; what to do comes as JSON on standard input. It becomes
the service account, which alone may enter a system, after it was read. The system is made when the cache has none;
another program that wants it at the same time waits.
"""

from __future__ import annotations

import fcntl
import os
import sys
from hashlib import sha256

import msgspec
from msgspec import Struct

from daemons import account
from daemons.building.bases import base
from daemons.building.bases.base import Base
from daemons.building.environment import Limits
from daemons.building.roots.contents import File
from daemons.building.roots.overlay import Overlay
from daemons.command import bases
from queues import atomic


class Visit(Struct):
    """What to run: `files` are written into the fresh system first, with the modes they name."""

    suite: str
    packages: tuple[str, ...]
    files: tuple[File, ...]
    script: str


def system(suite: str, packages: tuple[str, ...]) -> Base:
    """Find the system of a suite with these packages and their recommendations, or make it."""
    digest = sha256(" ".join(packages).encode()).hexdigest()[:12]
    cache = bases.cache(None) / "clients" / digest
    architecture = bases.native()
    atomic.make(cache)
    one_at_a_time = os.open(cache, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        return base.find(cache, suite, architecture) or base.create(
            cache, suite, architecture, lambda _: None, variant="apt", packages=packages
        )
    finally:
        os.close(one_at_a_time)


def main() -> None:
    """Enter, run, and end with the script's status."""
    visit = msgspec.json.decode(sys.stdin.buffer.read(), type=Visit)
    account.give_up_root()
    found = system(visit.suite, visit.packages)
    with Overlay(found, files=visit.files) as inside, open(1, "wb", closefd=False) as said:
        ended = inside.administer(["sh", "-c", visit.script], log=said, limits=Limits(seconds=300))
    sys.exit(ended.status if ended.how == "itself" else f"the script was ended: {ended.how}")


if __name__ == "__main__":
    main()
