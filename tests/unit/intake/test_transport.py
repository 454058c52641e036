from __future__ import annotations

import inspect
import itertools
import socket

import paramiko
import pytest
from paramiko.common import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_IGNORE,
    MSG_KEXINIT,
)

from daemons.intake import internals, transport
from daemons.intake.limits import Limits


@pytest.fixture
def connected():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("length", [transport.LONGEST_PACKET + 1, 1 << 31, -5])
def test_a_packet_of_impossible_length_is_not_even_begun(connected, length):
    ours, theirs = connected
    theirs.send(b"x" * 16)
    with pytest.raises(paramiko.SSHException, match="claims"):
        transport.Packetizer(ours).read_all(length)


def test_a_packet_of_possible_length_is_read(connected):
    ours, theirs = connected
    theirs.send(b"x" * 16)
    assert transport.Packetizer(ours).read_all(16) == b"x" * 16


@pytest.mark.parametrize("kind", [MSG_IGNORE, MSG_KEXINIT, MSG_CHANNEL_OPEN, MSG_CHANNEL_WINDOW_ADJUST, 200])
def test_messages_without_data_count_also_between_data(connected, monkeypatch, kind):
    kinds = itertools.cycle([MSG_CHANNEL_DATA, *[kind] * 9])
    monkeypatch.setattr(paramiko.packet.Packetizer, "read_message", lambda _: (next(kinds), paramiko.Message()))
    packetizer = transport.Packetizer(connected[0])
    with pytest.raises(paramiko.SSHException, match="messages without data"):
        [packetizer.read_message() for _ in range(10 * transport.MOST_CHATTER)]


def test_a_version_line_without_end_is_cut(connected):
    ours, theirs = connected
    theirs.send(b"x" * (transport.LONGEST_BANNER + 1))
    with pytest.raises(paramiko.SSHException, match="version line"):
        transport.Packetizer(ours).readline(5)


def test_a_window_gives_back_what_came_in_order():
    window = transport.Window(lambda _: None)
    window.feed(b"hello ")
    window.feed(b"world")
    assert [window.read(2), window.read(100), len(window)] == [b"he", b"llo world", 0]


def test_a_window_keeps_no_more_than_was_granted():
    window = transport.Window(lambda _: None)
    window.feed(b"x" * transport.WINDOW)
    with pytest.raises(paramiko.SSHException, match="beyond"):
        window.feed(b"x")
    window.read(1)
    window.feed(b"x")


def test_extended_data_is_kept_nowhere():
    deaf = transport.Deaf()
    deaf.feed(b"x" * 100)
    assert len(deaf) == 0


def test_a_channel_has_such_a_window_and_such_an_ear(offered):
    channel = paramiko.Channel(1)
    offered._queue_incoming_channel(channel)
    assert (type(channel.in_buffer), type(channel.in_stderr_buffer)) == (transport.Window, transport.Deaf)


@pytest.fixture
def offered(connected):
    one = transport.Transport(connected[0], paramiko.ECDSAKey.generate(), Limits())
    yield one
    one.sock.close()


def test_only_modern_algorithms_are_offered(offered):
    assert set(offered.preferred_ciphers) <= {
        *(f"aes{bits}-ctr" for bits in (128, 192, 256)),
        *(f"aes{bits}-gcm@openssh.com" for bits in (128, 256)),
    }
    assert {"aes128-ctr", "aes128-gcm@openssh.com"} <= set(offered.preferred_ciphers)
    assert all(mac.startswith("hmac-sha2-") for mac in offered.preferred_macs)
    assert not [kex for kex in offered.preferred_kex if "group14" in kex or "group-exchange" in kex]


@pytest.mark.parametrize(("version", "has_ctr"), [("SSH-2.0-OpenSSH_9.2p1", False), ("SSH-2.0-paramiko_2.12.0", True)])
def test_openssh_takes_the_cipher_that_needs_no_mac(offered, monkeypatch, version, has_ctr):
    monkeypatch.setattr(paramiko.Transport, "_check_banner", lambda self: setattr(self, "remote_version", version))
    offered._check_banner()
    assert ("aes128-ctr" in offered.preferred_ciphers) is has_ctr
    assert "aes128-gcm@openssh.com" in offered.preferred_ciphers


def test_a_key_of_an_unknown_kind_is_only_a_wrong_key(offered):
    key = transport.Authentication(offered)._generate_key_from_request("sk-ssh-ed25519@openssh.com", b"")
    assert isinstance(key, paramiko.PKey)
    assert key.asbytes() == b""


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (internals.PipeInside, ["_buffer_frombytes", "_buffer_tobytes", "feed", "read"]),
        (internals.PacketizerInside, ["_read_timeout"]),
        (internals.AuthInside, ["_generate_key_from_request"]),
        (
            internals.TransportInside,
            [
                "_preferred_ciphers",
                "_preferred_macs",
                "_channel_handler_table",
                "_auth_trigger",
                "_check_banner",
                "_parse_newkeys",
                "_queue_incoming_channel",
            ],
        ),
        (
            internals.ServerInside,
            [
                "_log",
                "_send_packet",
                "_write_all",
                "_process",
                "_convert_pflags",
                "_send_handle_response",
                "_send_status",
            ],
        ),
    ],
)
def test_paramiko_still_has_what_is_overridden(owner, names):
    assert [name for name in names if not hasattr(owner, name)] == []


def test_a_transport_still_has_what_a_talk_looks_at(offered):
    channel = paramiko.Channel(1)
    assert offered.clear_to_send.is_set() is False
    assert (channel.closed, channel.eof_received, len(channel.in_buffer)) == (False, False, 0)


def test_paramiko_still_calls_what_is_overridden():
    run = inspect.getsource(paramiko.Transport.run)
    assert "_channel_handler_table[ptype](chan, m)" in run
    assert "self.auth_handler is None" in inspect.getsource(paramiko.Transport._parse_newkeys)
    assert "self._queue_incoming_channel(chan)" in inspect.getsource(paramiko.Transport._parse_channel_open)
