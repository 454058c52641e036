"""The other end of sd_notify(3): a socket that hears what daemons tell their service manager."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 30.0  # seconds


class Heard:
    """A bound socket; without a path the kernel chooses an abstract name."""

    def __init__(self, path: Path | None = None) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path or ""))
        self.socket.settimeout(PATIENCE)
        name = self.socket.getsockname()
        self.address = name if isinstance(name, str) else f"@{name[1:].decode()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def environment(self, *, watchdog_usec: int = 0) -> Mapping[str, str]:
        """What a service manager adds to the environment of a daemon."""
        watchdog = {"WATCHDOG_USEC": str(watchdog_usec)} if watchdog_usec else {}
        return {"NOTIFY_SOCKET": self.address, **watchdog}

    def next(self) -> list[str]:
        """The lines of the next message; waits for it."""
        return self.socket.recv(4096).decode().splitlines()

    def until(self, line: str) -> list[str]:
        """The lines of all messages up to the one that holds this line."""
        lines, deadline = self.next(), time.monotonic() + PATIENCE
        while line not in lines:
            assert time.monotonic() < deadline, f"{line} was not told: {lines}"
            lines += self.next()
        return lines
