"""A bare SFTP server in a process of its own, to be attacked: what it says, what it holds in memory, what CPU it spent.

usage: python -m tests.support.attacked DIRECTORY LIMITS
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import paramiko

from daemons.intake import hostkey, server
from daemons.intake.answers import Stored
from daemons.intake.limits import Limits

ROOT = Path(__file__).parents[2]
PATIENCE = 60
TICK = os.sysconf("SC_CLK_TCK")
SHORT = {"login_seconds": 2, "idle_seconds": 2, "slow_seconds": 4, "free_bytes": 0}


class Attacked:
    """The server as its attackers see it, and as its operator does."""

    def __init__(self, path: Path, pid: int, port: int) -> None:
        self.path, self.pid, self.port = path, pid, port
        self._heard = 0  # characters of its log
        self.key = paramiko.Ed25519Key.from_private_key_file(path / "id")

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE, (source, 0))

    @contextmanager
    def stranger(self, source: str = "127.0.0.1") -> Iterator[paramiko.Transport]:
        """Agree on keys, and log in not yet."""
        with self.connect(source) as connection, paramiko.Transport(connection) as transport:
            transport.start_client(timeout=PATIENCE)
            yield transport

    @contextmanager
    def uploader(self, source: str = "127.0.0.1") -> Iterator[paramiko.Transport]:
        """Log in."""
        with self.stranger(source) as transport:
            transport.auth_publickey("alice", self.key)
            yield transport

    def is_well(self) -> bool:
        """Say whether an uploader gets a file through."""
        with self.uploader("127.0.0.9") as transport, paramiko.SFTPClient.from_transport(transport) as client:
            with client.open("/incoming/well_1.dsc", "w") as file:
                file.write(b"x" * 100)
            return client.stat("/incoming/well_1.dsc").st_size == 100

    def memory(self) -> int:
        """Give its resident set in MiB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) // 1024

    def cpu(self) -> float:
        """Give the CPU seconds it spent."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / TICK

    def sleeps(self) -> bool:
        """Say whether no thread of it runs."""
        states = [
            path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{self.pid}/task").glob("*/stat")
        ]
        return "R" not in states

    def said(self) -> str:
        """Give its log."""
        return (self.path / "log").read_text()

    def says(self, words: str) -> None:
        """Wait until it says these words, for the first time since it was last asked."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.said()[self._heard :]:
            assert time.monotonic() < deadline, f"never said: {words}; but {self.said()[self._heard :][-1000:]}"
            time.sleep(0.01)
        self._heard = len(self.said())


@contextmanager
def attacked(path: Path, **limits: object) -> Iterator[Attacked]:
    """Run a server with short patience and one account, alice."""
    path.mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path / "id"], check=True)
    argv = [sys.executable, "-m", __name__, str(path), msgspec.json.encode({**SHORT, **limits}).decode()]
    with (
        open(path / "log", "wb") as log,
        subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        try:
            assert process.stdout is not None
            yield Attacked(path, process.pid, int(process.stdout.readline()))
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


class NoReports:
    """An empty /status."""

    def names(self, uploader: str) -> Mapping[str, int]:  # noqa: ARG002 -- the shape of reports
        """Name none."""
        return {}

    def read(self, uploader: str, name: str) -> bytes:  # noqa: ARG002 -- likewise
        """Find none."""
        raise FileNotFoundError(name)


def main(path: Path, limits: Limits) -> None:
    """Serve until told to stop."""
    hostkey.make(path / "host")
    kind, blob, *_ = (path / "id.pub").read_text().split()
    accounts = {"alice": [(kind, blob.encode())]}
    running = server.serve(
        ("127.0.0.1", 0),
        hostkey.load(path / "host"),
        limits,
        lambda user: accounts.get(user, []),
        lambda *_: Stored(),
        path / "uploading",
        NoReports(),
    )
    bell, stop = socket.socketpair()
    signal.signal(signal.SIGTERM, lambda *_: bell.send(b"x"))
    sys.stdout.write(f"{running.address[1]}\n")
    sys.stdout.flush()
    running.serve_until(stop)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Limits))
