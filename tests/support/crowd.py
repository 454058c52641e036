"""Very many apt clients that update in a loop, each with a root of its own, while an archive changes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from tests.unit.archive.apt import Apt

# Slower than what publishes: that is when something that a client was told of might be gone before it is fetched.
_UPDATE = ("nice", "-n", "19", "apt-get", "update", "-o", "APT::Update::Error-Mode=any")


class Crowd:
    """What became of it: the updates that each client made, and what apt said of those that did not go well."""

    def __init__(self) -> None:
        self.over = Event()
        self.updates: list[int] = []
        self.errors: list[str] = []

    def update(self, root: Path, url: str, suite: str, key: Path) -> None:
        """Be one client, until it is over; whatever apt warns of is an error."""
        apt = Apt(root)
        apt.source(url, suite, key)
        made = 0
        while made == 0 or not self.over.is_set():
            done = apt.run(*_UPDATE)
            made += 1
            if done.returncode != 0 or "W:" in done.stderr:
                self.errors.append(done.stderr)
        self.updates.append(made)


@contextmanager
def updating(work: Path, url: str, suite: str, key: Path, count: int) -> Iterator[Crowd]:
    """Have so many clients; they are done, and the crowd can be read, when the block is left."""
    crowd = Crowd()
    with ThreadPoolExecutor(count) as pool:
        clients = [pool.submit(crowd.update, work / f"client-{number}", url, suite, key) for number in range(count)]
        try:
            yield crowd
        finally:
            crowd.over.set()
        for client in clients:
            client.result()
