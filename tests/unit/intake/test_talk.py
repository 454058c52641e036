"""A request is given when all of it came and the client took all answers; nothing waits for either."""

from __future__ import annotations

import struct
import threading

import pytest
from paramiko import sftp

from daemons.intake.talk import LONGEST_REQUEST, Talk
from daemons.intake.transport import Window

STAT = bytes([sftp.CMD_STAT]) + b"\0\0\0\7/"


def framed(body):
    return struct.pack(">I", len(body)) + body


class Channel:
    """A channel whose client grants a window of so many bytes."""

    closed = eof_received = False

    def __init__(self, window=1000):
        self.window = window
        self.in_buffer = Window(lambda _: None)
        self.clear_to_send = threading.Event()
        self.clear_to_send.set()
        self.sent = []

    def settimeout(self, seconds):
        assert seconds == 0

    def get_transport(self):
        return self

    def recv(self, most):
        return self.in_buffer.read(most)

    def send(self, data):
        return self._take("out", data)

    def send_stderr(self, data):
        return self._take("err", data)

    def _take(self, where, data):
        if not self.window:
            raise TimeoutError
        taken = data[: self.window]
        self.window -= len(taken)
        self.sent.append((where, taken))
        return len(taken)


@pytest.fixture
def channel():
    return Channel()


@pytest.fixture
def talk(channel):
    return Talk(channel)


def test_a_request_is_given_once_all_of_it_came(channel, talk):
    for octet in framed(STAT):
        assert talk.request() is None
        channel.in_buffer.feed(bytes([octet]))
    kind, number, body = talk.request()
    assert (kind, number, bytes(body)) == (sftp.CMD_STAT, 7, b"/")
    assert talk.request() is None


def test_requests_that_came_together_are_given_one_by_one(channel, talk):
    channel.in_buffer.feed(framed(STAT) * 3)
    assert [talk.request() is None for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize("size", [0, LONGEST_REQUEST + 1, (1 << 32) - 1])
def test_a_size_that_is_none_is_refused(channel, talk, size):
    channel.in_buffer.feed(struct.pack(">I", size))
    with pytest.raises(sftp.SFTPError, match="a request of"):
        talk.request()


def test_no_request_is_given_until_the_client_took_the_answers(channel, talk):
    channel.window = 3
    channel.in_buffer.feed(framed(STAT))
    talk.say("wait")
    talk.answer(b"no")
    assert talk.request() is None
    channel.window = 2
    assert talk.request() is None
    channel.window = 2
    assert talk.request() is not None
    assert channel.sent == [("err", b"wai"), ("err", b"t"), ("out", b"n"), ("out", b"o")]


def test_no_request_is_given_while_keys_are_agreed_on(channel, talk):
    channel.in_buffer.feed(framed(STAT))
    channel.clear_to_send.clear()
    assert talk.request() is None
    channel.clear_to_send.set()
    assert talk.request() is not None


def test_what_came_before_the_end_is_given_and_a_part_is_not(channel, talk):
    channel.in_buffer.feed(framed(STAT) + framed(STAT)[:-1])
    channel.eof_received = True
    assert talk.request() is not None
    with pytest.raises(EOFError):
        talk.request()


def test_what_a_client_asked_that_is_gone_is_not_given(channel, talk):
    channel.in_buffer.feed(framed(STAT))
    channel.closed = True
    with pytest.raises(EOFError):
        talk.request()
