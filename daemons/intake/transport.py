"""One SSH connection, bounded: what a stranger may make us read or keep before and after logging in.

paramiko's own server sets no bound on a packet's length, on the version line, or on data beyond a channel's window, and
hangs up on the first key of a kind it does not know, although the client's next one may be the right one.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import MSG_CHANNEL_DATA

from daemons.intake.internals import AuthInside, PacketizerInside, PipeInside, TransportInside
from daemons.intake.limits import Limits
from daemons.intake.pace import Pace
from daemons.intake.wire import Wire

LONGEST_PACKET = 300 * 1024  # bytes on the wire; our own limit for a channel's data is 128 KiB
LONGEST_BANNER = 8 * 1024
MOST_CHATTER = 500  # messages without data for the channels, beyond those with; a login needs about twenty
WINDOW = 2 * 1024 * 1024
CHANNEL_PACKET = 128 * 1024
KEEPALIVE_SECONDS = 30
LOG_CHANNEL = "daemons.intake.ssh"
Handler = Callable[[paramiko.Channel, paramiko.Message], None]

_CIPHERS = tuple(name for name in TransportInside._preferred_ciphers if name.startswith("aes") and "cbc" not in name)  # noqa: SLF001 -- paramiko has no public list
_CTR = tuple(name for name in _CIPHERS if name.endswith("-ctr"))
_MACS = tuple(name for name in TransportInside._preferred_macs if name.startswith("hmac-sha2-"))  # noqa: SLF001 -- likewise


class Packetizer(PacketizerInside):
    """Reads packets of a bounded length only, and not many that carry no data."""

    _banner = 0
    _chatter = 0
    _is_agreed = False

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Read `n` bytes. Raises SSHException when a packet claims to be longer than any may be."""
        if not 0 <= n <= LONGEST_PACKET:
            raise paramiko.SSHException(f"a packet that claims {n} bytes")
        return super().read_all(n, check_rekey)

    def read_message(self) -> tuple[int, paramiko.Message]:
        """Read a message. Raises SSHException when all that comes is padding, questions and new keys."""
        kind, message = super().read_message()
        self._chatter = max(0, self._chatter - 1) if kind == MSG_CHANNEL_DATA else self._chatter + 1
        if self._chatter > MOST_CHATTER:
            raise paramiko.SSHException(f"more than {MOST_CHATTER} messages without data")
        return kind, message

    def complete_handshake(self) -> None:
        """End the handshake's timer, once; paramiko asks for it after each message."""
        if not self._is_agreed:
            self._is_agreed = True
            super().complete_handshake()

    def _read_timeout(self, timeout: float) -> bytes:
        data = super()._read_timeout(timeout)
        self._banner += len(data)
        if self._banner > LONGEST_BANNER:
            raise paramiko.SSHException("a version line without end")
        return data


class Window(PipeInside):
    """What came in on a channel and was not read yet: never more than the window the client was granted.

    Kept in a bytearray, whose front is cheap to cut off (paramiko's array moves the whole window for each read).
    """

    def __init__(self, arrived: Callable[[int], None]) -> None:
        super().__init__()
        self._buffer = bytearray()
        self._arrived = arrived

    def feed(self, data: bytes) -> None:
        """Add data. Raises SSHException beyond the window."""
        if len(self) + len(data) > WINDOW:
            raise paramiko.SSHException("data beyond the channel's window")
        self._arrived(len(data))
        super().feed(data)

    def first(self, size: int) -> bytes:
        """Give the first bytes, which stay."""
        if not self._buffer:
            return b""
        with self._lock:
            return self._buffer_tobytes(size)

    def _buffer_frombytes(self, data: bytes) -> None:
        self._buffer += data

    def _buffer_tobytes(self, limit: int | None = None) -> bytes:
        return bytes(memoryview(self._buffer)[:limit])


class Deaf(PipeInside):
    """Where a client's extended data goes: SFTP has none, and nobody would read it."""

    def feed(self, data: bytes) -> None:
        """Drop the data."""


class Authentication(AuthInside):
    """Lets a client go on to its next key after one of a kind unknown here (a hardware token's, say)."""

    def _generate_key_from_request(self, algorithm: str, keyblob: bytes) -> paramiko.PKey | None:
        return super()._generate_key_from_request(algorithm, keyblob) or paramiko.PKey()


class Follow(paramiko.ServerInterface):
    """A server that has something to do when something came for a channel."""

    def came(self, channel: paramiko.Channel) -> None:
        """Go on with a channel: a message for it was handled, or keys are agreed on anew and it may send again."""


def _follow(channel: paramiko.Channel) -> None:
    server = channel.get_transport().server_object
    if isinstance(server, Follow):
        server.came(channel)


def _followed(handle: Handler) -> Handler:
    def handle_and_follow(channel: paramiko.Channel, message: paramiko.Message) -> None:
        handle(channel, message)
        _follow(channel)

    return handle_and_follow


class Transport(TransportInside):
    """The server's side of one connection."""

    _channel_handler_table = {  # noqa: RUF012 -- as paramiko has it
        kind: _followed(handle)
        for kind, handle in TransportInside._channel_handler_table.items()  # noqa: SLF001 -- no public way
    }

    def __init__(self, connection: socket.socket, host_key: paramiko.PKey, limits: Limits) -> None:
        self._wire = Wire(connection)
        self._refused = set(self._preferred_ciphers) - set(_CIPHERS)
        super().__init__(
            self._wire,
            default_window_size=WINDOW,
            default_max_packet_size=CHANNEL_PACKET,
            disabled_algorithms={
                "ciphers": self._refused,
                "macs": set(self._preferred_macs) - set(_MACS),
                "kex": ("diffie-hellman-group14-sha256", "diffie-hellman-group-exchange-sha256"),
            },
            packetizer_class=Packetizer,
        )
        self.set_log_channel(LOG_CHANNEL)
        self.set_keepalive(KEEPALIVE_SECONDS)
        self.add_server_key(host_key)
        self.banner_timeout = self.handshake_timeout = limits.login_seconds
        self.pace = Pace(limits, time.monotonic())

    def open_channels(self) -> list[paramiko.Channel]:
        """List the channels that are not closed."""
        return [channel for channel in self.server_accepts if not channel.closed]

    def _auth_trigger(self) -> None:
        self._wire.trust()
        super()._auth_trigger()

    def _check_banner(self) -> None:
        super()._check_banner()
        if self.remote_version.startswith("SSH-2.0-OpenSSH"):  # prefers CTR, whose MAC is a fifth of the server's work
            self._refused.update(_CTR)

    def _parse_newkeys(self, m: paramiko.Message) -> None:
        super()._parse_newkeys(m)
        if type(self.auth_handler) is AuthHandler:
            self.auth_handler = Authentication(self)
        for channel in self.open_channels():
            _follow(channel)

    def _queue_incoming_channel(self, channel: paramiko.Channel) -> None:
        channel.in_buffer = Window(self._data_came)
        channel.in_stderr_buffer = Deaf()
        with self.lock:
            self.server_accepts = [
                *self.open_channels(),
                channel,
            ]  # never fetched by accept(): the one strong reference
        self.pace.came(0, time.monotonic())

    def _data_came(self, size: int) -> None:
        self.pace.came(size, time.monotonic())
