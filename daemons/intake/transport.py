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
from paramiko.common import MSG_CHANNEL_REQUEST

from daemons.intake.internals import AuthInside, ChannelInside, PacketizerInside, PipeInside, TransportInside

LONGEST_PACKET = 300 * 1024  # bytes on the wire; our own limit for a channel's data is 128 KiB
LONGEST_BANNER = 8 * 1024
WINDOW = 2 * 1024 * 1024
CHANNEL_PACKET = 128 * 1024
KEEPALIVE_SECONDS = 30
LOG_CHANNEL = "daemons.intake.ssh"

_CIPHERS = tuple(name for name in TransportInside._preferred_ciphers if name.startswith("aes") and "cbc" not in name)  # noqa: SLF001 -- paramiko has no public list
_MACS = tuple(name for name in TransportInside._preferred_macs if name.startswith("hmac-sha2-"))  # noqa: SLF001 -- likewise


class Packetizer(PacketizerInside):
    """Reads packets of a bounded length only."""

    _banner = 0

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Read `n` bytes. Raises SSHException when a packet claims to be longer than any may be."""
        if not 0 <= n <= LONGEST_PACKET:
            raise paramiko.SSHException(f"a packet that claims {n} bytes")
        return super().read_all(n, check_rekey)

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

    def __init__(self, arrived: Callable[[], None]) -> None:
        super().__init__()
        self._buffer = bytearray()
        self._arrived = arrived

    def feed(self, data: bytes) -> None:
        """Add data. Raises SSHException beyond the window."""
        if len(self) + len(data) > WINDOW:
            raise paramiko.SSHException("data beyond the channel's window")
        self._arrived()
        super().feed(data)

    def _buffer_frombytes(self, data: bytes) -> None:
        self._buffer += data

    def _buffer_tobytes(self, limit: int | None = None) -> bytes:
        return bytes(self._buffer[:limit])


class Authentication(AuthInside):
    """Lets a client go on to its next key after one of a kind unknown here (a hardware token's, say)."""

    def _generate_key_from_request(self, algorithm: str, keyblob: bytes) -> paramiko.PKey | None:
        return super()._generate_key_from_request(algorithm, keyblob) or paramiko.PKey()


class Follow(paramiko.ServerInterface):
    """A server that has something to do once a channel request was answered."""

    def answered(self, channel: paramiko.Channel) -> None:
        """Do what may only follow the answer to a request on this channel."""


def _answer_request(channel: ChannelInside, message: paramiko.Message) -> None:
    channel._handle_request(message)  # noqa: SLF001 -- the entry of the table that this one replaces
    server = channel.get_transport().server_object
    if isinstance(server, Follow):
        server.answered(channel)


_CHANNEL_HANDLERS = {**TransportInside._channel_handler_table, MSG_CHANNEL_REQUEST: _answer_request}  # noqa: SLF001 -- no public way


class Transport(TransportInside):
    """The server's side of one connection."""

    _channel_handler_table = _CHANNEL_HANDLERS

    def __init__(self, connection: socket.socket, host_key: paramiko.PKey, login_seconds: float) -> None:
        super().__init__(
            connection,
            default_window_size=WINDOW,
            default_max_packet_size=CHANNEL_PACKET,
            disabled_algorithms={
                "ciphers": set(self._preferred_ciphers) - set(_CIPHERS),
                "macs": set(self._preferred_macs) - set(_MACS),
                "kex": ("diffie-hellman-group14-sha256", "diffie-hellman-group-exchange-sha256"),
            },
            packetizer_class=Packetizer,
        )
        self.set_log_channel(LOG_CHANNEL)
        self.set_keepalive(KEEPALIVE_SECONDS)
        self.add_server_key(host_key)
        self.banner_timeout = self.handshake_timeout = login_seconds
        self.last_data = time.monotonic()

    def open_channels(self) -> list[paramiko.Channel]:
        """List the channels that are not closed."""
        return [channel for channel in self.server_accepts if not channel.closed]

    def _parse_newkeys(self, m: paramiko.Message) -> None:
        super()._parse_newkeys(m)
        if type(self.auth_handler) is AuthHandler:
            self.auth_handler = Authentication(self)

    def _queue_incoming_channel(self, channel: paramiko.Channel) -> None:
        channel.in_buffer = Window(self._data_came)
        channel.in_stderr_buffer = Window(self._data_came)
        with self.lock:
            self.server_accepts = [
                *self.open_channels(),
                channel,
            ]  # never fetched by accept(): the one strong reference
        self._data_came()

    def _data_came(self) -> None:
        self.last_data = time.monotonic()
