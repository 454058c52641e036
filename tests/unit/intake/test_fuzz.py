"""Whatever a client sends is answered as the protocol says, or ends the session; nothing is written elsewhere."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import struct
import threading

import paramiko
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paramiko import sftp

from daemons.intake import transport
from daemons.intake.answers import Stored
from daemons.intake.area import Area
from daemons.intake.limits import Limits
from daemons.intake.session import Session, Visitor
from daemons.intake.subsystem import Subsystem
from daemons.intake.talk import LONGEST_REQUEST

thorough = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
LIMITS = Limits(file_bytes=10_000, area_bytes=20_000, area_files=5, session_files=8, handles=3, free_bytes=0)
ANSWERS = {
    sftp.CMD_STATUS,
    sftp.CMD_HANDLE,
    sftp.CMD_DATA,
    sftp.CMD_NAME,
    sftp.CMD_ATTRS,
    sftp.CMD_EXTENDED_REPLY,
}
INIT = struct.pack(">IBI", 5, sftp.CMD_INIT, 3)


class Channel:
    """A channel in memory: what the client sent is there at once, and its answers pile up."""

    closed = False
    eof_received = True

    def __init__(self, sent):
        self.in_buffer = transport.Window(lambda _: None)
        self.in_buffer.feed(sent)
        self.clear_to_send = threading.Event()
        self.clear_to_send.set()
        self.answers = b""
        self.status = None
        self.left = threading.Event()

    def settimeout(self, seconds):
        assert seconds == 0, "nothing waits for a client"

    def recv(self, most):
        return self.in_buffer.read(most)

    def send(self, data):
        self.answers += data
        return len(data)

    def send_stderr(self, data):
        text = data.decode()
        assert all(line.isprintable() for line in text.split("\n"))
        return len(data)

    def send_exit_status(self, status):
        self.status = status

    def close(self):
        self.closed = True
        self.left.set()

    def get_transport(self):
        return self

    def get_log_channel(self):
        return transport.LOG_CHANNEL

    def get_hexdump(self):
        return False


class Reports:
    """One report."""

    def names(self, uploader):  # noqa: ARG002 -- the shape of reports
        return {"a_1.txt": 7}

    def read(self, uploader, name):  # noqa: ARG002 -- likewise
        if name != "a_1.txt":
            raise FileNotFoundError(name)
        return b"all is well\n"


def talked(path, sent):
    """Let a session answer what was sent; gives the answers' kinds and numbers."""
    area = Area(path / "uploading/alice", LIMITS)
    area.seats.acquire()
    visitor = Visitor("alice", "127.0.0.1:1", "SHA256:x")
    server = paramiko.ServerInterface()
    session = Session(server, visitor, area, Reports(), lambda *_: Stored(), LIMITS, lambda: True)
    channel = Channel(INIT + sent)
    subsystem = Subsystem(channel, server, session, LIMITS.handles)
    subsystem.go_on()
    assert channel.left.wait(30)
    assert channel.status in (0, 1)
    assert not list((path / "uploading/alice/.unfinished").glob("*"))
    return list(answers(channel.answers))


def answers(octets):
    while octets:
        (size,) = struct.unpack(">I", octets[:4])
        answer, octets = octets[4 : 4 + size], octets[4 + size :]
        assert len(answer) == size
        yield answer[0], struct.unpack(">I", answer[1:5].ljust(4, b"\0"))[0]


text = st.one_of(
    st.sampled_from(
        ["/", "", "..", "/incoming", "/incoming/a_1.dsc", "/incoming/b_1.dsc", "/status", "/status/a_1.txt", "a\0b"]
    ),
    st.sampled_from(
        ["/incoming/../../etc/passwd", "/incoming/" + "a" * 300 + "_1.dsc", "//x", "\x1b[2J", "/etc/ä_1.dsc"]
    ),
    st.text(max_size=30),
).map(lambda value: value.encode("utf-8", "surrogatepass"))
handle = st.one_of(st.sampled_from([b"hx1", b"hx2", b"hx3", b""]), st.binary(max_size=8))
small = st.sampled_from([0, 1, 2, 0x1A, 0x80000000, 0xFFFFFFFF]) | st.integers(0, (1 << 32) - 1)
string = (text | handle | st.sampled_from([b"check-file", b"limits@openssh.com", b"posix-rename@openssh.com"])).map(
    lambda value: struct.pack(">I", len(value)) + value
)
field = st.one_of(string, small.map(lambda value: struct.pack(">I", value)), st.binary(max_size=12))
kinds = st.sampled_from(sorted(sftp.CMD_NAMES)) | st.integers(0, 255)


def asked(kind, *fields):
    """Make a request of number 7; an int is an uint32, a pair of them an uint64."""
    packed = (struct.pack(">I", one) if isinstance(one, int) else struct.pack(">I", len(one)) + one for one in fields)
    return bytes([kind]) + b"\0\0\0\7" + b"".join(packed)


GOOD = (
    asked(sftp.CMD_OPEN, b"/incoming/a_1.dsc", 0x1A, 0),
    asked(sftp.CMD_OPEN, b"/incoming/b_1.dsc", 0x1A, 0),
    asked(sftp.CMD_OPEN, b"/status/a_1.txt", 1, 0),
    asked(sftp.CMD_OPENDIR, b"/incoming"),
    *(asked(sftp.CMD_WRITE, name, 0, 0, b"hello") for name in (b"hx1", b"hx2")),
    asked(sftp.CMD_WRITE, b"hx1", 0, 9000, b"hole"),
    *(asked(kind, name) for kind in (sftp.CMD_CLOSE, sftp.CMD_FSTAT, sftp.CMD_READDIR) for name in (b"hx1", b"hx2")),
    *(asked(sftp.CMD_READ, name, 0, 0, 1 << 16) for name in (b"hx1", b"hx2", b"hx3")),
    asked(sftp.CMD_FSETSTAT, b"hx1", 1, 0, 7),
    asked(sftp.CMD_REMOVE, b"/incoming/a_1.dsc"),
    asked(sftp.CMD_SYMLINK, b"/etc/passwd", b"/incoming/c_1.dsc"),
    asked(sftp.CMD_RENAME, b"/incoming/a_1.dsc", b"/incoming/d_1.dsc"),
    asked(sftp.CMD_EXTENDED, b"hardlink@openssh.com", b"/etc/passwd", b"/incoming/e_1.dsc"),
)


@st.composite
def mutated(draw):
    """A well-formed request, perhaps with a piece cut out, doubled or put in."""
    one = draw(st.sampled_from(GOOD))
    if draw(st.integers(0, 3)):
        return one
    begin = draw(st.integers(0, len(one)))
    end = draw(st.integers(begin, len(one)))
    return (one[:begin] + draw(st.sampled_from([one[begin:end] * 2, b"", b"\xff" * 4])) + one[end:]) or b"\0"


body = st.one_of(
    mutated(),
    mutated(),
    st.tuples(kinds, st.just(b"\0\0\0\7"), st.lists(field, max_size=5)).map(
        lambda parts: bytes([parts[0]]) + parts[1] + b"".join(parts[2])
    ),
    st.binary(min_size=1, max_size=40),
)
requests = st.lists(body, max_size=30).map(lambda all_: b"".join(struct.pack(">I", len(one)) + one for one in all_))


@thorough
@given(sent=requests)
def test_every_request_has_one_answer_with_its_number(tmp_path_factory, caplog, sent):
    path = tmp_path_factory.mktemp("fuzz")
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        (version, _), *answered = talked(path, sent)
    assert version == sftp.CMD_VERSION
    assert {kind for kind, _ in answered} <= ANSWERS
    assert [number for _, number in answered] == [number for _, number in answers(sent)]
    assert caplog.records == [], "what a client sends is no error of ours"
    assert {found.name for found in path.iterdir()} <= {"uploading"}
    assert len(list((path / "uploading").rglob("*"))) <= LIMITS.area_files + 2
    for found in path.rglob("*_*"):
        assert found.stat().st_size <= LIMITS.file_bytes


@thorough
@given(octets=st.binary(max_size=200), size=st.integers(0, (1 << 32) - 1))
def test_octets_that_are_no_requests_end_the_session(tmp_path_factory, octets, size):
    talked(tmp_path_factory.mktemp("fuzz"), octets)
    talked(tmp_path_factory.mktemp("fuzz"), struct.pack(">I", size) + octets)


def test_the_longest_request_is_answered_and_a_longer_one_ends_the_session(tmp_path):
    begun = bytes([sftp.CMD_REALPATH]) + struct.pack(">I", 1)
    for size, count in ((LONGEST_REQUEST, 2), (LONGEST_REQUEST + 1, 1)):
        body = begun.ljust(size, b"\0")
        assert len(talked(tmp_path, struct.pack(">I", size) + body)) == count


@settings(thorough, max_examples=60)
@given(
    banner=st.sampled_from(
        [b"SSH-2.0-x\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"\r\n" * 50, b"SSH-1.5-x\n", b"SSH-2.0\n"]
    ),
    packets=st.lists(
        st.tuples(st.one_of(st.just(20), st.just(30), st.just(21), st.integers(0, 255)), st.binary(max_size=80)),
        max_size=6,
    ),
    rest=st.binary(max_size=60),
)
def test_octets_before_the_login_end_the_connection_or_wait(banner, packets, rest):
    ours, theirs = socket.socketpair()
    with theirs:
        one = transport.Transport(ours, paramiko.ECDSAKey.generate(), LIMITS)
        one.start_server(threading.Event(), paramiko.ServerInterface())
        with contextlib.suppress(ConnectionError):
            theirs.sendall(banner + b"".join(framed(bytes([kind]) + data) for kind, data in packets) + rest)
            theirs.shutdown(socket.SHUT_WR)
        one.join(30)
        assert not one.is_alive()
        assert not one.is_authenticated()
        one.sock.close()


def framed(payload):
    padding = 16 - (len(payload) + 5) % 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + os.urandom(padding)


@pytest.fixture(autouse=True)
def quiet():
    logging.getLogger(transport.LOG_CHANNEL).setLevel(logging.CRITICAL + 1)
