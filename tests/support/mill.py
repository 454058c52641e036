"""A site driven from outside, by the `debmill` command alone, as a user drives it.

Where an upload is, is asked of `debmill why --json`; waiting has a deadline and says at its end what the command says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tests.support.tools import Ran, ToolFailed, run

WIDTH = "110"  # columns of the tables that commands print
PATIENCE = 0.2  # seconds between two questions
_PART = re.compile(r"~[0-9a-f]{12}_")  # after an upload's digest: an architecture
ALIVE = ("intake", "master", "include", "notify")


class WaitedTooLong(AssertionError):
    """What was waited for did not come; the message says where things stand."""


@dataclass(frozen=True)
class Chapter:
    """One entry in the story of an upload: which queue and room it is in, and its events, oldest first."""

    key: str
    queue: str
    room: str
    events: list[dict[str, str]]

    @property
    def is_whole(self) -> bool:
        """False for the binaries of one architecture that wait beside their source in the archive queue."""
        return self.queue != "archive" or not _PART.search(self.key)


def installed() -> Path:
    """The `debmill` command beside the Python that runs this."""
    path = Path(sys.executable).with_name("debmill")
    if not path.exists():
        raise ToolFailed(f"there is no {path}: run the tests with tests/run, which installs debmill")
    return path


def place(name: str) -> Path:
    """A directory for a site that the service account can reach: its own, or, without root, a temporary one."""
    parent = Path("/var/lib/debmill/sites") if os.geteuid() == 0 else Path(f"/tmp/debmill-{os.getuid()}")
    parent.mkdir(exist_ok=True)
    return parent / name


class Mill:
    """One site and its `debmill` command."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self._daemons: subprocess.Popen[bytes] | None = None
        self._log: BinaryIO | None = None

    def __call__(self, *words: str | Path, stdin: bytes = b"", check: bool = True) -> Ran:
        """Run a command on the site. Raises ToolFailed."""
        argv = [installed(), "--site", self.site, *words]
        return run(argv, env={"COLUMNS": WIDTH}, stdin=stdin, check=check)

    def json(self, *words: str) -> Any:
        """Run a command that prints JSON. Raises ToolFailed; that `status` finds trouble is no failure."""
        argv = [str(installed()), "--site", str(self.site), *words, "--json"]
        done = subprocess.run(argv, capture_output=True, check=False)
        if done.returncode != 0 and (words != ("status",) or not done.stdout):
            raise ToolFailed(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stderr.decode()}")
        return json.loads(done.stdout)

    # --- the daemons ---------------------------------------------------------------------------------------------

    def start(self, log: Path, *only: str) -> None:
        """Start all daemons as one process tree, or the one that is named, and wait until they are at work."""
        self._log = log.open("ab")
        words = ["daemon", *only] if only else ["run", "--verbose"]
        self._daemons = subprocess.Popen(
            [installed(), "--site", self.site, *words],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours; we stop them
        )
        self.wait("the daemons are alive", lambda: self._are_alive(only or ALIVE), 60)

    def stop(self) -> None:
        """Stop the daemons and wait for them."""
        if self._daemons is not None:
            self._daemons.send_signal(signal.SIGQUIT)  # at once, as a second SIGTERM
            self._daemons.wait(60)
            self._daemons = None
        if self._log is not None:
            self._log.close()

    def leave_running(self) -> None:
        """Let the daemons run on by themselves."""
        if self._daemons is not None:
            self._daemons.returncode = 0  # or Popen would warn that it is forgotten
            self._daemons = None

    def daemons(self) -> dict[str, dict[str, Any]]:
        """What each daemon says of itself, by its name."""
        return {state["name"]: state for state in self.json("status")["daemons"]}

    def _are_alive(self, names: tuple[str, ...]) -> bool:
        if self._daemons is None or self._daemons.poll() is not None:
            raise WaitedTooLong("the daemons ended: see their log")
        states = self.daemons()
        return all(states.get(name, {}).get("state", "dead") != "dead" for name in names)

    # --- uploads -------------------------------------------------------------------------------------------------

    def story(self, name: str) -> list[Chapter]:
        """Every entry of a source or an upload; none when the site never took it."""
        try:
            told = self.json("why", name)
        except ToolFailed:
            return []
        return [Chapter(one["key"], one["queue"], one["room"], one["events"]) for one in told if one["key"]]

    def room(self, name: str, queue: str) -> str:
        """The room of the upload's entry, or of its job, in a queue; empty when it is not there."""
        return next((one.room for one in self.story(name) if one.queue == queue and one.is_whole), "")

    def wait_for(self, name: str, queue: str, *rooms: str, seconds: float = 600) -> str:
        """Wait until the upload's entry is in one of these rooms of the queue, and give the room."""
        self.wait(f"{name} is in {queue}/{'|'.join(rooms)}", lambda: self.room(name, queue) in rooms, seconds, name)
        return self.room(name, queue)

    def wait(self, what: str, true: Callable[[], bool], seconds: float = 600, name: str = "") -> None:
        """Wait until something is true. Raises WaitedTooLong."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                said = self("why", name, check=False) if name else self("status", check=False)
                raise WaitedTooLong(f"not within {seconds:.0f} s: {what}\n{said.output}")
            time.sleep(PATIENCE)


def remove_site(site: Path) -> None:
    """Remove a site's whole tree."""
    shutil.rmtree(site, ignore_errors=True)
