"""Attacks on the SFTP server that cost memory, CPU or places. Each returns once it was refused, and fails if not.

The tests run each against a server; the benchmark runs them all against one and shows what they cost.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from unittest import mock

import paramiko
from paramiko import common, sftp

from tests.support.attacked import PATIENCE, Attacked

Attack = Callable[[Attacked], None]
MANY = 5000  # more than any bound that counts
CHATTER = "messages without data"
ENDLESS = 100_000  # more than fits into the buffers on the way, too
KEXINIT = b"\x14" + bytes(16)


def packet(payload: bytes) -> bytes:
    """Make an SSH packet as it is before keys are agreed on (RFC 4253 section 6)."""
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def message(kind: int, *fields: int | bool | str | bytes) -> paramiko.Message:
    """Make an SSH message."""
    made = paramiko.Message()
    made.add_byte(bytes([kind]))
    for field in fields:
        if isinstance(field, bool):
            made.add_boolean(field)
        elif isinstance(field, int):
            made.add_int(field)
        else:
            made.add_string(field)
    return made


def request(kind: int, number: int, *fields: int | str | bytes) -> bytes:
    """Make an SFTP request."""
    made = paramiko.Message()
    made.add_int(number)
    for field in fields:
        made.add_int(field) if isinstance(field, int) else made.add_string(field)
    body = bytes([kind]) + made.asbytes()
    return struct.pack(">I", len(body)) + body


INIT = struct.pack(">IBI", 5, sftp.CMD_INIT, 3)


def drained(connection: socket.socket) -> None:
    """Read until the server hangs up."""
    connection.settimeout(PATIENCE)
    with contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass


def flood(connection: socket.socket, data: bytes) -> None:
    """Send the same again and again, until the server hangs up."""
    connection.settimeout(PATIENCE)
    with contextlib.suppress(ConnectionError):
        for _ in range(ENDLESS):
            connection.sendall(data)
        raise AssertionError("the server took it all")


def pressed(transport: paramiko.Transport, make: Callable[[], paramiko.Message]) -> None:
    """Send messages on a connection until the server hangs up; answers are read and dropped."""
    with contextlib.suppress(EOFError, OSError):
        for _ in range(ENDLESS):
            transport._send_message(make())
        raise AssertionError("the server took it all")


def ended(transport: paramiko.Transport) -> None:
    """Wait until the server hung up."""
    transport.join(PATIENCE)
    assert not transport.is_active(), "the server took it all"


@contextlib.contextmanager
def session(server: Attacked, window: int = 1 << 21) -> Iterator[paramiko.Channel]:
    """Log in, and start SFTP on a channel with this window for the answers."""
    with server.uploader() as transport:
        with mock.patch.object(transport, "_sanitize_window_size", lambda asked: asked):  # 32 KiB is its least
            channel = transport.open_session(window_size=window)
        channel.settimeout(PATIENCE)
        channel.invoke_subsystem("sftp")
        channel.sendall(INIT)
        yield channel


def silent_and_half_open_handshakes(server: Attacked) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(15)]
        for number, connection in enumerate(connections):
            connection.sendall((b"", b"SSH-2.0-x\r\n", b"SSH-2.0-x\r\n" + packet(KEXINIT)[:20])[number % 3])
        for connection in connections:
            drained(connection)


def a_version_line_without_end(server: Attacked) -> None:
    with server.connect() as connection:
        flood(connection, b"x" * 4096)
    server.says("a version line without end")


def a_packet_without_end(server: Attacked) -> None:
    with server.connect() as connection:
        connection.sendall(b"SSH-2.0-x\r\n" + struct.pack(">IB", (1 << 30) + 4, 4) + b"xxx")
        flood(connection, b"x" * 65536)
    server.says("a packet that claims")


def messages_to_be_ignored_before_the_keys(server: Attacked) -> None:
    with server.connect() as connection:
        connection.sendall(b"SSH-2.0-x\r\n")
        flood(connection, packet(bytes([common.MSG_IGNORE]) + struct.pack(">I", 0)) * 100)
    server.says(CHATTER)


def questions_before_the_login(server: Attacked) -> None:
    with server.stranger() as transport:
        pressed(transport, lambda: message(common.MSG_GLOBAL_REQUEST, "x", True))
    server.says(CHATTER)


def keys_without_end(server: Attacked) -> None:
    with server.stranger() as transport:
        tried = 0
        while transport.is_active():
            with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
                transport.auth_publickey("alice", paramiko.ECDSAKey.generate())
            tried += 1
            assert tried <= 5


def passwords_without_end(server: Attacked) -> None:
    with server.stranger() as transport:
        transport._send_message(message(common.MSG_SERVICE_REQUEST, "ssh-userauth"))
        asked = ("alice", "ssh-connection", "password", False, "secret")
        pressed(transport, lambda: message(common.MSG_USERAUTH_REQUEST, *asked))


def a_known_key_asked_about_without_end(server: Attacked) -> None:
    with server.stranger() as transport:
        transport._send_message(message(common.MSG_SERVICE_REQUEST, "ssh-userauth"))
        asked = ("alice", "ssh-connection", "publickey", False, "ssh-ed25519", server.key.asbytes())
        pressed(transport, lambda: message(common.MSG_USERAUTH_REQUEST, *asked))
    server.says(CHATTER)


def connections_from_one_address(server: Attacked) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(60)]
        server.says("turned away: 16 connections from this address")
        for connection in connections[-40:]:
            drained(connection)
        assert server.is_well()


def connections_from_many_addresses(server: Attacked) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(250):
            stack.enter_context(server.connect(f"127.0.1.{number + 1}"))
            if number % 100 == 99:
                assert server.is_well()
    server.says("cut for another: too many have not logged in")


def sessions_of_one_uploader(server: Attacked) -> None:
    with contextlib.ExitStack() as stack:
        refused = 0
        for number in range(12):
            transport = stack.enter_context(server.uploader(f"127.0.2.{number + 1}"))
            for _ in range(2):
                channel = stack.enter_context(transport.open_session())
                try:
                    channel.invoke_subsystem("sftp")
                except paramiko.SSHException:
                    refused += 1
        assert refused == 8


def new_keys_without_end(server: Attacked) -> None:
    with server.uploader() as transport:
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            for _ in range(MANY):
                transport.renegotiate_keys()
        ended(transport)


def messages_to_be_ignored(server: Attacked) -> None:
    with server.uploader() as transport:
        pressed(transport, lambda: message(common.MSG_IGNORE, b"x" * 1000))
    server.says(CHATTER)


def messages_for_the_log(server: Attacked) -> None:
    with server.uploader() as transport:
        pressed(transport, lambda: message(common.MSG_DEBUG, True, "x" * 1000, ""))
    server.says(CHATTER)


def questions_without_end(server: Attacked) -> None:
    with server.uploader() as transport:
        pressed(transport, lambda: message(common.MSG_GLOBAL_REQUEST, "keepalive@openssh.com", True))
    server.says(CHATTER)


def channels_without_end(server: Attacked) -> None:
    with server.uploader() as transport:
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            for _ in range(MANY):
                transport.open_session(timeout=PATIENCE).close()
        ended(transport)


def terminals_and_variables_without_end(server: Attacked) -> None:
    with server.uploader() as transport:
        number = transport.open_session().remote_chanid
        asked = (
            message(common.MSG_CHANNEL_REQUEST, number, "env", True, "LD_PRELOAD", "x" * 1000),
            message(common.MSG_CHANNEL_REQUEST, number, "pty-req", True, "xterm", 80, 24, 0, 0, b""),
        )
        pressed(transport, itertools.cycle(asked).__next__)
    server.says(CHATTER)


def windows_of_one_byte(server: Attacked) -> None:
    with session(server, window=0) as channel:
        channel.sendall(request(sftp.CMD_STAT, 1, "/") * 1000)
        one = message(common.MSG_CHANNEL_WINDOW_ADJUST, channel.remote_chanid, 1)
        pressed(channel.get_transport(), lambda: one)
    server.says(CHATTER)


def data_before_the_subsystem(server: Attacked) -> None:
    with server.uploader() as transport:
        channel = transport.open_session()
        pressed(transport, lambda: message(common.MSG_CHANNEL_DATA, channel.remote_chanid, b"x" * 30_000))
    server.says("data beyond the channel's window")


def extended_data(server: Attacked) -> None:
    with session(server) as channel:
        data = (channel.remote_chanid, 1, b"x" * 30_000)
        pressed(channel.get_transport(), lambda: message(common.MSG_CHANNEL_EXTENDED_DATA, *data))
    server.says(CHATTER)


def requests_whose_answers_have_no_window(server: Attacked) -> None:
    with session(server, window=0) as channel:
        asked = request(sftp.CMD_REALPATH, 1, "/" + "a/" * 400) * 30
        pressed(channel.get_transport(), lambda: message(common.MSG_CHANNEL_DATA, channel.remote_chanid, asked))
    server.says("data beyond the channel's window")


def requests_whose_answers_nobody_reads(server: Attacked) -> None:
    with session(server, window=(1 << 32) - 1) as channel:
        transport, asked = channel.get_transport(), request(sftp.CMD_REALPATH, 1, "/" + "a/" * 400) * 30
        hung_up = threading.Event()
        transport.packetizer.read_message = hung_up.wait  # this client reads no more
        with contextlib.suppress(EOFError, OSError):
            for _ in range(MANY):
                transport._send_message(message(common.MSG_CHANNEL_DATA, channel.remote_chanid, asked))
            raise AssertionError("the server took it all")
        hung_up.set()
    server.says("idle seconds")


def handles_without_end(server: Attacked) -> None:
    with server.uploader() as transport, paramiko.SFTPClient.from_transport(transport) as client:
        opened = []
        with contextlib.suppress(OSError):
            while len(opened) < MANY:
                opened.append(client.open(f"/incoming/a_{len(opened)}.dsc", "w"))
        assert len(opened) == 16
        for file in opened:
            file.close()


def check_file_without_end(server: Attacked) -> None:
    with session(server) as channel:
        reply = channel.makefile("rb")
        reply.read(struct.unpack(">I", reply.read(4))[0])
        channel.sendall(request(sftp.CMD_OPEN, 1, "/incoming/a_1.dsc", 0x1A, 0))
        channel.sendall(request(sftp.CMD_EXTENDED, 2, "check-file", b"hx1", "md5", 0, 1 << 30, 0, 1 << 20, 0))
        reply.read(struct.unpack(">I", reply.read(4))[0])
        answer = reply.read(struct.unpack(">I", reply.read(4))[0])
        assert answer[0] == sftp.CMD_STATUS
        assert struct.unpack(">I", answer[5:9])[0] == sftp.SFTP_OP_UNSUPPORTED


def a_request_that_comes_by_the_byte(server: Attacked) -> None:
    with session(server) as channel:
        transport = channel.get_transport()
        channel.sendall(struct.pack(">IB", 200_000, sftp.CMD_WRITE))
        for _ in range(MANY):
            transport._send_message(message(common.MSG_CHANNEL_DATA, channel.remote_chanid, b"x"))
        ended(transport)
    server.says("idle seconds")


def a_session_that_drips(server: Attacked) -> None:
    with session(server) as channel:
        channel.sendall(struct.pack(">I", 200_000))
        dripping = channel.get_transport()
        for _ in range(PATIENCE):
            with contextlib.suppress(OSError, EOFError):
                channel.sendall(b"x")
            dripping.join(0.5)
    server.says("bytes in 4 seconds")


ATTACKS: dict[str, Attack] = {
    attack.__name__.replace("_", " "): attack
    for attack in (
        silent_and_half_open_handshakes,
        a_version_line_without_end,
        a_packet_without_end,
        messages_to_be_ignored_before_the_keys,
        questions_before_the_login,
        keys_without_end,
        passwords_without_end,
        a_known_key_asked_about_without_end,
        connections_from_one_address,
        connections_from_many_addresses,
        sessions_of_one_uploader,
        new_keys_without_end,
        messages_to_be_ignored,
        messages_for_the_log,
        questions_without_end,
        channels_without_end,
        terminals_and_variables_without_end,
        windows_of_one_byte,
        data_before_the_subsystem,
        extended_data,
        requests_whose_answers_have_no_window,
        requests_whose_answers_nobody_reads,
        handles_without_end,
        check_file_without_end,
        a_request_that_comes_by_the_byte,
        a_session_that_drips,
    )
}
