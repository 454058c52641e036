"""The listener: binds, keeps count, gives each connection a thread, and ends them all when told to stop."""

from __future__ import annotations

import logging
import resource
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import paramiko

from daemons.intake import admission, hostkey
from daemons.intake.answers import Judge, Reports, one_line
from daemons.intake.area import Areas
from daemons.intake.limits import Limits
from daemons.intake.login import FindKeys, Intake, Login
from daemons.intake.transport import LOG_CHANNEL, Transport
from queues import atomic

logger = logging.getLogger(__name__)

STOP_SECONDS = 5.0
REST_SECONDS = 0.25  # before the next try when there are no descriptors or threads for a connection
SPARE_DESCRIPTORS = 512  # for judging, and for what the rest of the process has open
SILENCE_MILLISECONDS = 60_000  # until the kernel gives up on a peer that acknowledges nothing


def serve(
    listen: tuple[str, int],
    host_key: paramiko.Ed25519Key,
    limits: Limits,
    find_keys: FindKeys,
    judge: Judge,
    uploading: Path,
    reports: Reports,
    quota: Callable[[str], int] = lambda _: 0,
) -> Server:
    """Bind the server and clear what a dead one left unfinished. Port 0: the kernel chooses. Raises OSError.

    `uploading` holds one directory per uploader;
    `quota(uploader)` gives the bytes that one may have lying there, 0: as all.
    """
    atomic.make(uploading, 0o755)
    _allow_descriptors(limits.sessions * (1 + limits.channels * limits.handles) + SPARE_DESCRIPTORS)
    areas = Areas(uploading, limits, quota)
    listener = socket.create_server(listen, family=socket.AF_INET6 if ":" in listen[0] else socket.AF_INET)
    areas.sweep()  # only after binding: another server may be at work here
    return Server(listener, host_key, Intake(limits, find_keys, judge, areas, reports))


class Server:
    """A bound server; `address` is where it listens, `introduction` the lines that say how clients know it."""

    def __init__(self, listener: socket.socket, host_key: paramiko.Ed25519Key, intake: Intake) -> None:
        logging.getLogger(LOG_CHANNEL).setLevel(logging.CRITICAL + 1)  # what matters is told in our words
        self.address: tuple[str, int] = listener.getsockname()[:2]
        self.introduction = hostkey.introduced(host_key, *self.address)
        self._listener = listener
        self._host_key = host_key
        self.areas = intake.areas
        self._intake = intake
        self._lock = threading.Lock()
        self._connections: list[Connection] = []  # oldest first

    def serve_until(
        self, stop: socket.socket, alive: Callable[[], object] = lambda: None, period: float | None = None
    ) -> None:
        """Accept connections until `stop` is readable; then end all sessions, which takes a few seconds at most.

        `alive` is called at each turn, and, where a `period` in seconds is given, at least that often.
        """
        self._listener.setblocking(False)  # a client may be gone between the look and the accept
        try:
            while stop not in select.select([self._listener, stop], [], [], period)[0]:
                alive()
                self._accept(stop)
        finally:
            self._listener.close()
            self._end_all()

    def _accept(self, stop: socket.socket) -> None:
        try:
            self._admit(*self._listener.accept())
        except (BlockingIOError, ConnectionError):
            return
        except (OSError, RuntimeError) as error:  # out of descriptors or threads
            logger.error("cannot accept a connection: %s", error)
            select.select([stop], [], [], REST_SECONDS)

    def _admit(self, client: socket.socket, peer: tuple[str, int]) -> None:
        host = peer[0]
        try:
            with self._lock:
                cut = admission.one_more(self._connections, host, self._intake.limits)
                connection = Connection(client, host, peer[1], self._host_key, self._intake, self._forget)
                connection.start()
                self._connections = [*(one for one in self._connections if one is not cut), connection]
        except admission.TurnedAway as reason:
            logger.warning("%s: turned away: %s", host, reason)
            client.close()
            return
        if cut:
            logger.warning("%s: cut for another: too many have not logged in", cut.address)
            cut.end()

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self._connections = [one for one in self._connections if one is not connection]

    def _end_all(self) -> None:
        with self._lock:
            connections = self._connections
        for connection in connections:
            connection.end()
        deadline = time.monotonic() + STOP_SECONDS
        for connection in connections:
            connection.join(max(0.0, deadline - time.monotonic()))
            if connection.is_alive():
                logger.warning("%s: still at work while the server stops", connection.address)


class Connection(threading.Thread):
    """Watches over one connection, from the first byte to the end of its last subsystem."""

    def __init__(
        self,
        client: socket.socket,
        host: str,
        port: int,
        host_key: paramiko.PKey,
        intake: Intake,
        forget: Callable[[Connection], None],
    ) -> None:
        self.host = host
        self.address = f"{host}:{port}"
        super().__init__(name=f"sftp {self.address}", daemon=True)
        _tune(client)
        self._limits = intake.limits
        self._forget = forget
        self._transport = Transport(client, host_key, intake.limits)
        self._login = Login(self._transport, intake, self.address)

    def run(self) -> None:
        """Serve the client: a deadline for logging in, then as long as it keeps sending."""
        try:
            self._transport.start_server(threading.Event(), self._login)
            self._transport.join(self._limits.login_seconds)
            if self._transport.is_authenticated():
                self._watch()
            self._report()
        finally:
            self.end()
            self._login.end()
            self._forget(self)

    @property
    def is_stranger(self) -> bool:
        """Say whether the client has not logged in."""
        return not self._transport.is_authenticated()

    def end(self) -> None:
        """Cut the connection."""
        self._transport.close()
        self._transport.sock.close()  # also where the transport has not begun yet

    def _watch(self) -> None:
        while self._transport.is_alive():
            now = time.monotonic()
            complaint = self._transport.pace.complaint(now)
            if complaint:
                logger.info("%s: cut after %s", self._login.visitor(), complaint)
                return
            self._transport.join(self._transport.pace.next_look(now))

    def _report(self) -> None:
        if self._transport.is_alive() and not self._transport.is_authenticated():
            logger.info("%s: cut: not logged in after %.0f seconds", self.address, self._limits.login_seconds)
        error = self._transport.get_exception()
        if error is not None and not isinstance(error, EOFError):
            logger.info("%s: connection lost: %s: %s", self.address, type(error).__name__, one_line(str(error)))


def _allow_descriptors(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def _tune(client: socket.socket) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MILLISECONDS)
