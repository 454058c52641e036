"""A storm over a site: people at work, and somebody who kills at random instants.

The people do what users do: an uploader sends package after package and repeats what died; a reviewer accepts; an
operator puts back what is held because it was claimed three times without a verdict. Each repeats a command that was
killed. What they were told is remembered, to be compared with what the site did.
"""

from __future__ import annotations

import itertools
import random
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tests.support import consistency, processes
from tests.support.mill import WaitedTooLong, installed
from tests.support.processes import Process
from tests.support.road import REVIEWER, SUITE, Road
from tests.support.small import Small
from tests.support.sources import SourceUpload

WHOLE_TREE = 0.15  # how often the whole tree is killed instead of one process
LOOK = 0.5  # seconds between two looks
PATIENCE = 120.0  # seconds for people to end what they began, when nobody kills any more
DAEMONS = 7  # intake, evidence, master, two builders, include, notify
OPERATOR = "otto"
THRICE = "claimed 3 times without a verdict"


def free_port() -> int:
    """Give a port that the kernel chose, for a server that must have the same one each time it is started."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def hurry(site: Path) -> None:
    """Let the time of what was put off have come, as recovery does then: something that it needed was killed."""
    for one in consistency.entries(site):
        if one.room == "deferred":
            with suppress(FileNotFoundError):  # it has just moved on
                one.path.rename(one.path.parents[1] / "ready" / one.path.name)


class Storm:
    """People and a killer on one site; `deep`: what runs in environments may be killed, too, not only debmill's own."""

    def __init__(self, road: Road, seed: int, *, deep: bool) -> None:
        self.road = road
        self.random = random.Random(seed)
        self.deep = deep
        self.over = threading.Event()
        self.sent = threading.Event()
        self.given_up = threading.Event()
        self.taken: dict[str, str] = {}
        self.replays = 0
        self.released: list[str] = []
        self.kills: list[str] = []
        self.seen: set[Process] = set()
        self.supervisor: subprocess.Popen[bytes] | None = None
        self._log = road.log.open("ab")

    # --- the killer ----------------------------------------------------------------------------------------------

    def rage(self, kills: int, pause: tuple[float, float]) -> None:
        """Kill so often, while people work; `pause` bounds the seconds between two kills. Raises what they raise."""
        self.start()
        self.road.mill.wait("the intake listens", lambda: "intake" in self.road.mill.daemons(), 60)
        _ = self.road.uploader  # who learns the server's key before it storms
        with ThreadPoolExecutor() as people:
            at_work = [people.submit(one) for one in (self._upload, self._review, self._operate)]
            try:
                while len(self.kills) < kills:
                    self.over.wait(self.random.uniform(*pause))
                    self._strike()
                    self._revive()
                    _raise_what_failed(at_work)
            finally:
                self.over.set()
                self._see_home(at_work)

    def _see_home(self, at_work: Sequence[Future[None]]) -> None:
        """Keep the daemons alive until the people have ended what they began; the last kill may have hit the tree."""
        deadline = time.monotonic() + PATIENCE
        while not all(one.done() for one in at_work):
            self._revive()
            if time.monotonic() > deadline:
                self.given_up.set()
            time.sleep(LOOK)

    def start(self) -> None:
        """Start the daemons, as a user does."""
        command = [installed(), "--site", self.road.site, "run", "--verbose"]
        self.supervisor = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True
        )

    def stop(self) -> None:
        """Stop the daemons as a user does, with a drain."""
        assert self.supervisor is not None
        self.supervisor.terminate()
        self.supervisor.wait(60)
        self._log.close()

    def close(self) -> None:
        """End what is left, however it went."""
        self.over.set()
        for process in processes.of_site(self.road.site):
            process.kill()
        if self.supervisor is not None:
            self.supervisor.wait(60)
        self._log.close()

    def kill_supervisor(self) -> None:
        """Kill the supervisor alone."""
        assert self.supervisor is not None
        self.supervisor.kill()
        self.supervisor.wait()

    def is_whole(self) -> bool:
        """Say whether the supervisor of now has all its daemons."""
        assert self.supervisor is not None
        running = [one for one in processes.of_site(self.road.site) if one.parent == self.supervisor.pid]
        return len(running) == DAEMONS

    def survivors(self) -> list[str]:
        """Name the processes of the site that live, those that were once seen and nobody knows any more, too."""
        return [str(one) for one in {*processes.of_site(self.road.site), *self.seen} if one.lives()]

    def _strike(self) -> None:
        every = processes.of_site(self.road.site)
        self.seen |= set(every)
        if self.random.random() < WHOLE_TREE:
            if killed := [one for one in every if one.kill()]:
                self.kills.append(f"the whole tree, {len(killed)} processes")
            return
        own = [one for one in every if str(self.road.site) in one.argv]
        candidates = processes.apart_from_packages(every) if self.deep else own
        if candidates:
            victim = self.random.choice(sorted(candidates, key=lambda one: one.pid))
            if victim.kill():
                self.kills.append(str(victim))

    def _revive(self) -> None:
        if self.supervisor is not None and self.supervisor.poll() is not None:
            self.start()

    # --- the people ----------------------------------------------------------------------------------------------

    def _upload(self) -> None:
        try:
            for number in itertools.count(1):
                if self.over.is_set():
                    return
                self.send(Small(f"storm{number}", architecture="any" if number % 3 == 0 else "all"))
        finally:
            self.sent.set()

    def send(self, one: Small) -> SourceUpload:
        """Send a package, again and again until it is taken."""
        upload = one.upload(SUITE, self.road.maintainer, self.road.folder / "sources")
        while not self._is_taken(upload):
            if self.given_up.is_set():
                raise WaitedTooLong(f"{upload.changes.name} is not taken, and nobody kills any more{self._tell()}")
            time.sleep(LOOK)  # a user looks what happened; an upload that was begun is ended, storm or not
        self.taken[upload.source] = upload.version
        return upload

    def _is_taken(self, upload: SourceUpload) -> bool:
        ran = self.road.uploader.dput(upload, "-f", check=False)
        if "taken before" in ran.output:
            self.replays += 1
            return True
        if "REFUSED" in ran.output:
            raise AssertionError(f"{upload.changes.name} was refused:\n{ran.output}")
        return ran.status == 0 and f"taken {upload.source}" in ran.output

    def _review(self) -> None:
        """Accept whatever waits, until nothing will come any more and nothing waits."""
        while not self.sent.is_set() or self._waiting():
            for case in self._waiting():
                self.road.mill("review", "accept", case, "--as", REVIEWER, check=False)
            time.sleep(LOOK)

    def _waiting(self) -> list[str]:
        return [one.key for one in consistency.entries(self.road.site) if (one.queue, one.room) == ("review", "ready")]

    def _operate(self) -> None:
        """Put back what was killed three times; anything else in `hold` stays, to be found at the end."""
        while not self.over.is_set():
            self.release()
            self.over.wait(LOOK)

    def release(self) -> None:
        """Put back what was killed three times."""
        for one in consistency.entries(self.road.site):
            with suppress(FileNotFoundError):  # it has just moved on
                if one.room == "hold" and one.reason == THRICE:
                    ran = self.road.mill("queue", "release", one.key, "--as", OPERATOR, check=False)
                    self.released += [one.key] * (ran.status == 0)

    # --- afterwards ----------------------------------------------------------------------------------------------

    def wait_until_quiet(self, seconds: float) -> None:
        """Wait until every upload that was taken is published and nothing is left to do. Raises WaitedTooLong."""
        deadline = time.monotonic() + seconds
        while unrest := self._unrest():
            if time.monotonic() > deadline:
                raise WaitedTooLong(f"not quiet within {seconds:.0f} s:\n" + "\n".join(unrest) + self._tell())
            self.release()
            hurry(self.road.site)
            self._revive()
            time.sleep(LOOK)

    def _unrest(self) -> list[str]:
        return [*consistency.unrest(self.road.site), *consistency.lost_or_doubled(self.road.site, self.taken)]

    def _tell(self) -> str:
        status = self.road.mill("status", check=False).output
        return f"\n{status}\nkills:\n" + "\n".join(self.kills)


def _raise_what_failed(work: list[Future[None]]) -> None:
    for one in work:
        if one.done():
            one.result()
