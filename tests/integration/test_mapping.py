"""Who starts namespaces may be killed at any moment of that: nothing is left of what was started for it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemons.building.roots import entering
from daemons.building.roots.first import First
from tests.support.account import unprivileged

pytestmark = pytest.mark.integration
PR_SET_CHILD_SUBREAPER = 36
MOMENTS = 50  # a millisecond apart: what is started takes some twenty
PATIENCE = 20.0


def start_the_first_process() -> None:
    First()


def start_a_command_of_the_host() -> None:
    subprocess.Popen(entering.mapped(["sleep", "4321"]))


def killed_after(seconds: float, start: Callable[[], None]) -> None:
    """Let a process start something, and kill it; then wait until all that it leaves to us has ended."""
    child = os.fork()
    if child == 0:
        start()
        signal.pause()
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    patience = time.monotonic() + PATIENCE
    while children := Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        if os.waitpid(-1, os.WNOHANG)[0] == 0:
            commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]
            assert time.monotonic() < patience, f"left by a kill after {seconds} s: {commands}"
            time.sleep(0.01)


@pytest.mark.parametrize("start", [start_the_first_process, start_a_command_of_the_host])
def test_who_is_killed_while_ids_are_mapped_leaves_no_process(start: Callable[[], None]) -> None:
    unprivileged(lambda: each_moment(start))()


def each_moment(start: Callable[[], None]) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for moment in range(MOMENTS):
        killed_after(moment / 1000, start)
