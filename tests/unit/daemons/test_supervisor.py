"""The supervisor: real processes that die, are started again, and stop with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemons.supervisor import Child

PROGRAM = """
import sys
from pathlib import Path
from daemons import supervisor
supervisor.SHORTEST = 0.01
class Script(supervisor.Child):
    def __init__(self, site, arguments):
        super().__init__(site, arguments)
        self.command = ["setpriv", "--pdeathsig", "TERM", "--", "sh", "-c", arguments[0]]
supervisor.Child = Script
supervisor.supervise(Path(sys.argv[1]), [(script,) for script in sys.argv[2:]])
"""


def supervise(site: Path, *scripts: str) -> subprocess.Popen[str]:
    (site / "run").mkdir(exist_ok=True)
    command = [sys.executable, "-c", PROGRAM, str(site), *scripts]
    root = Path(__file__).parents[3]
    return subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def finish(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=20)
    return process.returncode


def test_a_daemon_that_dies_is_started_again(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, "echo born")
    born = lines(supervisor, 3)
    supervisor.terminate()

    assert finish(supervisor) == 0
    assert born == ["born"] * 3


def test_stopping_stops_every_daemon(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, "echo $$; exec sleep 1000", "echo $$; exec sleep 1000")
    pids = [int(line) for line in lines(supervisor, 2)]
    supervisor.terminate()
    assert finish(supervisor) == 0

    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_daemons_go_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, "trap 'echo told; exit' TERM; echo ready; while :; do read x <&9; done 9<&1")
    assert lines(supervisor, 1) == ["ready"]
    supervisor.send_signal(signal.SIGKILL)

    assert lines(supervisor, 1) == ["told"]
    finish(supervisor)


def test_a_second_supervisor_is_refused(tmp_path: Path) -> None:
    first = supervise(tmp_path, "echo ready; exec sleep 1000")
    lines(first, 1)
    second = supervise(tmp_path, "true")
    _, error = second.communicate(timeout=20)
    first.terminate()
    finish(first)

    assert "runs already" in error


def test_the_pause_grows_while_a_daemon_keeps_dying(tmp_path: Path) -> None:
    child = Child(tmp_path, ("x",))
    child.command = ["true"]
    pauses = []
    for _ in range(4):
        child.started = -1000.0  # long ago, so that no pause is left
        child.tend()
        assert child.process is not None
        child.process.wait()
        child.started = float("inf")  # died at once
        child.tend()
        pauses.append(child.pause)

    assert pauses == sorted(set(pauses))
