"""Requests and answers on one channel: each framed by its length, what is to be said on stderr in between.

Nothing here waits for the client: a request is given when all of it came and all earlier answers are on their way. So
no more than one answer is kept for a client that grants no window, and what it asks meanwhile fills its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, cast

import paramiko
from paramiko.sftp import SFTPError

from daemons.intake.transport import Window

LONGEST_REQUEST = 256 * 1024
LENGTH, HEAD = 4, 5  # bytes: of the length, and of kind and number


class Request(NamedTuple):
    """An SFTP request; what is missing at its end reads as zeros. The `number` of the first is the client's version."""

    kind: int
    number: int
    body: memoryview

    @property
    def message(self) -> paramiko.Message:
        """Read the body field by field."""
        return paramiko.Message(bytes(self.body))


class Talk:
    """The server's side of a channel, for one thread at a time."""

    def __init__(self, channel: paramiko.Channel) -> None:
        channel.settimeout(0)
        self._channel = channel
        self._came = cast("Window", channel.in_buffer)
        self._may_send = channel.get_transport().clear_to_send  # not while keys are agreed on
        self._unsent: deque[tuple[Callable[[bytes], int], bytes]] = deque()

    def request(self) -> Request | None:
        """Give the next request; None: not now.

        Raises EOFError when there will be no other, SFTPError when what came is no request. What a client that is gone
        had asked for is not given: it may be megabytes.
        """
        if self._channel.closed:
            raise EOFError
        if not self._may_send.is_set() or (self._unsent and not self._sent_all()):
            return None
        size = self._size()
        if size is not None and len(self._came) >= LENGTH + size:
            data = memoryview(self._channel.recv(LENGTH + size))[LENGTH:]
            return Request(data[0], int.from_bytes(bytes(data[1:HEAD]).ljust(HEAD - 1, b"\0"), "big"), data[HEAD:])
        if self._channel.eof_received:
            raise EOFError
        return None

    def answer(self, data: bytes) -> None:
        """Send an answer, or keep what there is no window for."""
        self._unsent.append((self._channel.send, data))
        self._sent_all()

    def say(self, text: str) -> None:
        """Send words for the client's terminal, likewise."""
        if text:
            self._unsent.append((self._channel.send_stderr, text.encode()))
            self._sent_all()

    def _size(self) -> int | None:
        begun = self._came.first(LENGTH)
        if len(begun) < LENGTH:
            return None
        size = int.from_bytes(begun, "big")
        if not 0 < size <= LONGEST_REQUEST:
            raise SFTPError(f"a request of {size} bytes")
        return size

    def _sent_all(self) -> bool:
        while self._unsent:
            send, data = self._unsent[0]
            try:
                sent = send(data)
            except TimeoutError:  # no window
                return False
            if not sent:
                raise EOFError
            self._unsent[0] = send, data[sent:]
            if sent == len(data):
                self._unsent.popleft()
        return True
