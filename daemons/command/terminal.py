"""A command on a terminal of its own, which is as large as ours."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType

_END = b"\x04"  # what a person types at the end, VEOF of termios(3)
_AGAIN = 0.1  # seconds until that is typed again where our input ended, for a terminal that is not yet ready loses it
_SIZE = struct.calcsize("HHHH")  # struct winsize, ioctl_tty(2)


def spawn(argv: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command with these environment variables and no other; give its exit status."""
    terminal: list[int] = []

    def typed(descriptor: int) -> bytes:
        octets = os.read(descriptor, 4096)
        if not octets:
            time.sleep(_AGAIN)
        return octets or _END

    def read(descriptor: int) -> bytes:
        if not terminal:
            terminal.append(descriptor)
            _resize(descriptor)
        return os.read(descriptor, 4096)

    def follow(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- the shape of a signal handler
        for descriptor in terminal:
            _resize(descriptor)

    before = signal.signal(signal.SIGWINCH, follow)
    try:
        status = pty.spawn(["env", "-i", *(f"{name}={value}" for name, value in variables.items()), *argv], read, typed)
    finally:
        signal.signal(signal.SIGWINCH, before)
    return os.waitstatus_to_exitcode(status)


def _resize(descriptor: int) -> None:
    with suppress(OSError):  # our own output is no terminal
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(_SIZE)))
