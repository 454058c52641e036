"""A command of an environment from its start to its end: its output goes into a log, within limits.

The command never holds the log itself, only a pipe: what is in the log stays there.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from daemons.building.environment import Ended, Limits, Log

Stop = Literal["itself", "time", "output"]
_CHUNK = 1 << 16
_LOOK = 0.5  # seconds between two looks whether it is still wanted
Watch = Callable[[], object]  # raises when the command is to be ended


def follow(
    argv: Sequence[str],
    variables: Mapping[str, str],
    log: Log,
    limits: Limits,
    end: Callable[[], object],
    watch: Watch,
) -> Ended:
    """Run a command without input or terminal; at a limit, `end` must end every process of the environment.

    `watch` is called at once and twice a second. What it raises ends the command and comes out here; the environment
    is to be left then.
    """
    with subprocess.Popen(
        argv,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            stop = _copy(process, log, limits, watch)
            if stop != "itself":
                end()
        except BaseException:
            process.kill()
            raise
    if stop != "itself":
        return Ended(process.returncode, stop)
    return Ended(process.returncode, "killed" if process.returncode < 0 else "itself")


def _copy(process: subprocess.Popen[bytes], log: Log, limits: Limits, watch: Watch) -> Stop:
    """Copy output until the process has ended and its pipe is empty; a process it left behind may still hold that."""
    assert process.stdout is not None
    output, ended = process.stdout.fileno(), os.pidfd_open(process.pid)
    look, room = time.monotonic(), limits.output
    deadline = look + limits.seconds
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(ended, selectors.EVENT_READ)
            selector.register(output, selectors.EVENT_READ)
            while (now := time.monotonic()) < deadline:
                if now >= look:
                    watch()
                    look = now + _LOOK
                ready = {key.fd for key, _ in selector.select(min(deadline, look) - now)}
                if output in ready:
                    room -= _pass_on(output, log, selector)
                    if room < 0:
                        return "output"
                elif ended in ready:
                    return "itself"
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
