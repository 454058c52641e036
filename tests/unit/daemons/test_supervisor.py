"""The supervisor: real processes that die, are started again, and stop with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemons import samples, settings
from daemons.process.child import LONGEST, OFTEN, SHORTEST, Child, pause
from daemons.process.presence import Presence, states
from daemons.sites import Site
from queues.clock import utc
from queues.values import Suite

PROGRAM = """
import sys
from pathlib import Path
from daemons.process import child, supervisor
child.SHORTEST = 0.01
class Script(supervisor.Child):
    def __init__(self, site, arguments, clock):
        super().__init__(site, arguments, clock)
        self.command = ["setpriv", "--pdeathsig", "TERM", "--", "sh", "-c", arguments[0]]
supervisor.Child = Script
scripts = Path(sys.argv[1], "scripts")
scripts.write_text("\\0".join(sys.argv[2:]))
wanted = lambda: [(script,) for script in scripts.read_text().split("\\0")]
sys.exit(" ".join(map(str, supervisor.supervise(Path(sys.argv[1]), wanted))) or None)
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
    supervisor = supervise(tmp_path, "echo born; exit 1")
    born = lines(supervisor, 2)
    supervisor.terminate()
    finish(supervisor)

    assert born == ["born"] * 2


def test_a_daemon_that_keeps_dying_is_shown_as_such_to_the_end(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, "echo born; exit 3")
    lines(supervisor, OFTEN + 1)
    (failing, itself) = states(tmp_path / "run")
    supervisor.terminate()
    _, said = supervisor.communicate(timeout=20)

    assert (failing.name, failing.state) == ("echo born; exit 3", "failing")
    assert failing.detail.endswith("exit status 3")
    assert (itself.name, itself.state) == ("supervisor", "running")
    assert supervisor.returncode == 1
    assert "exit status 3" in said
    assert [state.name for state in states(tmp_path / "run")] == ["supervisor"]


def test_a_daemon_that_stopped_as_it_was_told_stays_so_until_sighup(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, "echo once; exit 0", "while echo again; do sleep 0.01; done")
    said = lines(supervisor, 30)
    supervisor.send_signal(signal.SIGHUP)
    while lines(supervisor, 1) != ["once"]:
        pass
    supervisor.terminate()

    assert finish(supervisor) == 0
    assert said.count("once") == 1


def test_sighup_starts_every_daemon_again_with_the_settings_of_now(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, "trap 'exit 75' HUP; echo old; while :; do sleep 0.01; done")
    assert lines(supervisor, 1) == ["old"]
    (tmp_path / "scripts").write_text("echo new; exec sleep 1000")
    supervisor.send_signal(signal.SIGHUP)

    assert lines(supervisor, 1) == ["new"]
    supervisor.terminate()
    assert finish(supervisor) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGQUIT])
def test_a_drain_waits_and_a_second_signal_does_not(tmp_path: Path, second: signal.Signals) -> None:
    busy = "trap 'echo drains' TERM; trap 'echo ends; exit' QUIT; echo ready; while :; do sleep 0.01; done"
    supervisor = supervise(tmp_path, busy)
    assert lines(supervisor, 1) == ["ready"]
    supervisor.terminate()
    assert lines(supervisor, 1) == ["drains"]
    supervisor.send_signal(second)

    assert lines(supervisor, 1) == ["ends"]
    assert finish(supervisor) == 0


def test_what_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, "trap '' TERM QUIT; echo ready; while :; do sleep 0.01; done")
    lines(supervisor, 1)
    supervisor.send_signal(signal.SIGQUIT)

    assert finish(supervisor) == 0


def test_stopping_stops_every_daemon(tmp_path: Path) -> None:
    supervisor = supervise(tmp_path, "echo $$; exec sleep 1000", "echo $$; exec sleep 2000")
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


def test_a_daemon_that_a_killed_supervisor_left_is_waited_for(tmp_path: Path) -> None:
    script = "echo born; exec sleep 1000"
    (tmp_path / "run").mkdir()
    with Presence(tmp_path / "run", script) as left:
        left.working("a long build", utc())
        supervisor = supervise(tmp_path, script)
        assert supervisor.stderr is not None
        assert "still finishes what it has in hand" in supervisor.stderr.readline()
        state = next(states(tmp_path / "run"))  # the supervisor may not have spoken yet
        assert (state.state, state.entry) == ("working", "a long build")

    assert lines(supervisor, 1) == ["born"]
    supervisor.terminate()
    assert finish(supervisor) == 0


def test_a_daemon_that_begins_when_its_supervisor_has_died_already_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    Site(tmp_path).spool.create(["amd64"])
    command = [*Child(tmp_path, ["notify"], utc).command]
    command[command.index(str(os.getpid()))] = "1"
    orphan = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)

    assert orphan.returncode == 1
    assert "the supervisor 1 has gone" in orphan.stderr
    assert list(states(tmp_path / "run")) == []


def test_a_second_supervisor_is_refused(tmp_path: Path) -> None:
    first = supervise(tmp_path, "echo ready; exec sleep 1000")
    lines(first, 1)
    second = supervise(tmp_path, "true")
    _, error = second.communicate(timeout=20)
    first.terminate()
    finish(first)

    assert "runs already" in error


def test_the_pause_grows_while_a_daemon_keeps_dying_but_not_for_ever() -> None:
    pauses = [pause(deaths) for deaths in range(1, 100)]

    assert pauses == sorted(pauses)
    assert SHORTEST < pauses[0] < pauses[1] < pauses[-1] == LONGEST
