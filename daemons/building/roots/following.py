"""A command of an environment from its start to its end: its output goes into a log, within limits.

The command never holds the log itself, only a pipe: what is in the log stays there.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from daemons.building.environment import Ended, Limits, Log, Reached
from daemons.building.roots import keyring

Stop = Literal["itself"] | Reached
_CHUNK = 1 << 16
_LOOK = 0.2  # seconds between two looks: whether it is still wanted, and what it uses
_TICKS = os.sysconf("SC_CLK_TCK")
Watch = Callable[[], object]  # raises when the command is to be ended
Look = Callable[[], Reached | None]  # also says which limit is reached


def follow(
    argv: Sequence[str],
    variables: Mapping[str, str],
    log: Log,
    limits: Limits,
    end: Callable[[], object],
    look: Look,
) -> Ended:
    """Run a command without input or terminal; at a limit, `end` must end every process of the environment.

    `look` is called at once, then five times a second, and when the command has ended. What it raises ends the command
    and comes out here; the environment is to be left then.
    """
    keyring.renew()
    with subprocess.Popen(
        argv,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            stop = _copy(process, log, limits, look)
            if stop != "itself":
                end()
            cpu = _cpu(process.pid)
        except BaseException:
            process.kill()
            raise
    if stop == "itself" and process.returncode < 0:
        return Ended(process.returncode, "killed", cpu)
    return Ended(process.returncode, stop, cpu)


def _cpu(pid: int) -> float:
    """Give the CPU seconds of a process of ours that ends, and of what it waited for (proc_pid_stat(5))."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return sum(map(int, words[11:15])) / _TICKS


def _copy(process: subprocess.Popen[bytes], log: Log, limits: Limits, look: Look) -> Stop:
    """Copy output until the process has ended and its pipe is empty; a process it left behind may still hold that."""
    assert process.stdout is not None
    output, ended = process.stdout.fileno(), os.pidfd_open(process.pid)
    room, next_look = limits.output, time.monotonic()
    deadline, patience = next_look + limits.seconds, next_look + limits.idle
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(ended, selectors.EVENT_READ)
            selector.register(output, selectors.EVENT_READ)
            while (now := time.monotonic()) < deadline:
                if now >= patience:
                    return "idle"
                if now >= next_look:
                    if reached := look():
                        return reached
                    next_look = now + _LOOK
                ready = {key.fd for key, _ in selector.select(min(deadline, patience, next_look) - now)}
                if output in ready:
                    room -= _pass_on(output, log, selector)
                    patience = now + limits.idle
                    if room < 0:
                        return "output"
                elif ended in ready:
                    return look() or "itself"
            return "time"
    finally:
        os.close(ended)


def _pass_on(output: int, log: Log, selector: selectors.BaseSelector) -> int:
    chunk = os.read(output, _CHUNK)
    if chunk:
        log.write(chunk)
        log.flush()
    else:
        selector.unregister(output)
    return len(chunk)
