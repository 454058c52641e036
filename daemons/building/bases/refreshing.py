"""Bases made anew when they are old, beside the builds, by a command that ends with who started it.

One at a time for each cache of bases: the command holds a lock there, which ends with it. Whatever becomes of it,
builds go on with the base that is there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from daemons.building.bases import base
from daemons.building.bases.base import Base, BaseFailed

AGAIN = timedelta(hours=6)  # before the same base is tried again
_LOCK = ".refreshing"  # in a cache of bases
_BESIDES = ("setpriv", "--pdeathsig", "KILL", "--", "nice", "-n", "19", "--")
log = logging.getLogger(__name__)


class Refreshing:
    """Sees to it that no base which a link in `bases` names gets older than some days; 0: however old they are."""

    def __init__(self, bases: Path, days: int, command: Sequence[str | Path]) -> None:
        """Say by which command a base is made anew; it is told which by `--suite` and `--arch`."""
        self._bases = bases
        self._days = days
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before: dict[Path, datetime] = {}

    def tend(self, now: datetime) -> None:
        """Start the command when it is time, or hear how it ended; waits for nothing."""
        if self._process is not None and self._process.poll() is None:
            return
        if self._process is not None and self._process.returncode:
            log.warning("a base could not be made anew, for the reason above; tried again in %s", AGAIN)
        self._process = None
        old = next(self._old(now), None) if self._days else None
        if old is not None:
            self._not_before[old.path] = now + AGAIN
            try:
                self._start(old)
            except OSError as error:
                log.warning("%s: it is old, and nothing can be started that makes it anew: %s", old.path, error)

    def _old(self, now: datetime) -> Iterator[Base]:
        for link in sorted(self._bases.glob("*-*")):
            with suppress(BaseFailed, OSError):
                one = base.at(link)
                if max(one.made + timedelta(days=self._days), self._not_before.get(one.path, one.made)) < now:
                    yield one

    def _start(self, old: Base) -> None:
        lock = os.open(old.path.parent / _LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another builder does it
        else:
            log.info("%s is older than %d days: it is made anew, and builds go on", old.path, self._days)
            which = ["--suite", old.suite, "--arch", old.architecture]
            command = [*_BESIDES, *self._command, *which]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=[lock])
        finally:
            os.close(lock)
