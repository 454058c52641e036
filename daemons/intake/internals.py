"""The names of paramiko that are not its public interface and that this package overrides or calls, with their types.

At run time these are paramiko's own classes. Nothing else here: a unit test compares each name with the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.buffered_pipe import BufferedPipe
from paramiko.packet import Packetizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Lock

    class PipeInside(BufferedPipe[bytes]):
        """A channel's buffer."""

        _buffer: bytearray
        _lock: Lock

        def _buffer_frombytes(self, data: bytes) -> None: ...
        def _buffer_tobytes(self, limit: int | None = None) -> bytes: ...

    class PacketizerInside(Packetizer):
        """The SSH binary packet protocol (RFC 4253 section 6)."""

        def _read_timeout(self, timeout: float) -> bytes: ...

    class AuthInside(AuthHandler):
        """User authentication (RFC 4252)."""

        def _generate_key_from_request(self, algorithm: str, keyblob: bytes) -> paramiko.PKey | None: ...

    class TransportInside(paramiko.Transport):
        """A connection."""

        _preferred_ciphers: tuple[str, ...]
        _preferred_macs: tuple[str, ...]
        _channel_handler_table: dict[int, Callable[[paramiko.Channel, paramiko.Message], None]]

        def _auth_trigger(self) -> None: ...
        def _check_banner(self) -> None: ...
        def _parse_newkeys(self, m: paramiko.Message) -> None: ...
        def _queue_incoming_channel(self, channel: paramiko.Channel) -> None: ...

    class ServerInside(paramiko.SFTPServer):
        """The SFTP subsystem (draft-ietf-secsh-filexfer-02)."""

        sock: paramiko.Channel

        def _log(self, level: int, msg: object, *args: object) -> None: ...
        def _write_all(self, out: bytes) -> None: ...
        def _send_packet(self, t: int, packet: paramiko.Message) -> None: ...
        def _process(self, t: int, request_number: int, msg: paramiko.Message) -> None: ...
        def _convert_pflags(self, pflags: int) -> int: ...
        def _send_handle_response(self, request_number: int, handle: object, folder: bool = False) -> None: ...
        def _send_status(self, request_number: int, code: int, desc: str | None = None) -> None: ...

else:
    PipeInside = BufferedPipe
    PacketizerInside = Packetizer
    AuthInside = AuthHandler
    TransportInside = paramiko.Transport
    ServerInside = paramiko.SFTPServer
