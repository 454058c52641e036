"""Signals for those who sleep in select(2): a socket that becomes readable, and the list of what came."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def heard(*numbers: int) -> Iterator[tuple[socket.socket, list[int]]]:
    """Give a socket that is readable after one of these signals, and the list of those that came, oldest first.

    The byte is written by the C handler, so a signal that comes just before the sleep ends it, too.
    """
    bell, hammer = socket.socketpair()
    bell.setblocking(False)
    hammer.setblocking(False)
    told: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- the shape of a signal handler
        told.append(number)

    before = {number: signal.signal(number, note) for number in numbers}
    written = signal.set_wakeup_fd(hammer.fileno(), warn_on_full_buffer=False)
    try:
        yield bell, told
    finally:
        signal.set_wakeup_fd(written)
        for number, handler in before.items():
            signal.signal(number, handler)
        bell.close()
        hammer.close()
