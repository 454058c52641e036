"""How a process gives up, for good, what reading files of others does not need; it imports next to nothing."""

from __future__ import annotations

import resource

MEMORY = 1 << 30
SECONDS = 60


def seal(seconds: int = SECONDS) -> None:
    """Give up opening files and sockets and starting processes; bound memory and processor time."""
    for what, limit in (
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, seconds),
    ):
        resource.setrlimit(what, (limit, limit))
