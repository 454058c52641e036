from __future__ import annotations

import socket

import paramiko
import pytest

from daemons.intake import wire


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with wire.Wire(ours) as one, theirs:
        one.settimeout(0.01)
        yield one, theirs


def test_what_comes_at_once_is_given_by_the_piece(pair):
    ours, theirs = pair
    theirs.send(b"hello world")
    assert [ours.recv(5), ours.recv(1), ours.recv(100)] == [b"hello", b" ", b"world"]
    theirs.close()
    assert ours.recv(1) == b""


def test_waiting_is_bounded(pair):
    ours, _ = pair
    with pytest.raises(TimeoutError):
        ours.recv(1)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with pytest.raises(BlockingIOError):  # as good as a timeout to paramiko
        [ours.send(b"x" * 4096) for _ in range(1000)]


def test_a_stranger_may_send_only_so_much(pair):
    ours, theirs = pair
    theirs.sendall(b"x" * wire.LOGIN_BYTES)
    for _ in range(wire.LOGIN_BYTES // 1024):
        ours.recv(1024)
    theirs.send(b"x")
    with pytest.raises(paramiko.SSHException, match="before the login"):
        ours.recv(1)


def test_who_logged_in_may_send_on(pair):
    ours, theirs = pair
    ours.trust()
    for _ in range(wire.LOGIN_BYTES // 65536 + 1):
        theirs.sendall(b"x" * 65536)
        left = 65536
        while left:
            left -= len(ours.recv(left))
