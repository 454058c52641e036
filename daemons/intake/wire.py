"""The socket of one connection: read in large pieces, and closed to a stranger who sends more than a login needs."""

from __future__ import annotations

import contextlib
import socket
import struct

import paramiko

PIECE = 32 * 1024
LOGIN_BYTES = 128 * 1024  # key exchange, four keys offered and signed, and much to spare


class Wire(socket.socket):
    """Takes a connected socket over. paramiko reads each packet in three calls; most of them are answered from here."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection.family, connection.type, connection.proto, connection.detach())
        self._piece = b""
        self._taken = 0  # of the piece
        self._left: int | None = LOGIN_BYTES

    def trust(self) -> None:
        """Let the client send without end: it logged in."""
        self._left = None

    def settimeout(self, seconds: float | None) -> None:
        """Bound each call by the kernel: Python's own bound is one more system call for each."""
        whole, part = divmod(seconds or 0, 1)
        bound = struct.pack("ll", int(whole), int(part * 1e6))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.setsockopt(socket.SOL_SOCKET, option, bound)

    def close(self) -> None:
        """Hang up at once, also where another thread waits for data."""
        with contextlib.suppress(OSError):  # the client was faster
            self.shutdown(socket.SHUT_RDWR)
        super().close()

    def recv(self, most: int, flags: int = 0) -> bytes:
        """Give some bytes, none at the end. Raises SSHException when a stranger sent too many."""
        if self._taken == len(self._piece):
            if most >= PIECE:
                return self._received(most, flags)
            self._piece, self._taken = self._received(PIECE, flags), 0
        data = self._piece[self._taken : self._taken + most]
        self._taken += len(data)
        return data

    def _received(self, most: int, flags: int) -> bytes:
        try:
            data = super().recv(most, flags)
        except BlockingIOError:
            raise TimeoutError from None
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise paramiko.SSHException(f"more than {LOGIN_BYTES} bytes before the login")
        return data
