"""Events for programs: POSTed to a real HTTP server that dies and returns, and lines of a log; each at least once."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from daemons import samples, settings
from daemons.notifier import Notifier
from daemons.notifying.eventlog import EventLog
from daemons.notifying.templates import FACTS
from daemons.settings import Notices, Settings
from daemons.sites import Site
from queues.names import EntryName, Key, part_key
from queues.rooms import Room
from queues.values import Notice
from review.notices import tell_refused
from review.verdicts import Refused
from tests.support.dying import deaths
from tests.support.entries import upload
from tests.unit.daemons.waiting import DAY, NOON, Clock, site_at


class Receiver:
    """What a receiver got: the bodies, their headers; and what it answers."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.answers: dict[str, int] = {}

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keep an event, and give the answer."""
        event = json.loads(body)
        status = self.answers.get(event["event"], 204)
        if status < 300:
            self.got.append(event)
            self.headers.append(headers)
            self.bodies.append(body)
        return status

    @property
    def ids(self) -> list[str]:
        """The ids of all events it got."""
        return [event["id"] for event in self.got]


@contextmanager
def serving(receiver: Receiver, port: int) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.take(dict(self.headers), body))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        found: int = one.getsockname()[1]
        return found


class Told:
    """A site with a webhook, whose mails are files."""

    def __init__(self, path: Path, port: int) -> None:
        self.clock = Clock()
        hook = Notices(webhook=f"http://127.0.0.1:{port}/debmill?site=mill", webhook_seconds=1)
        path.mkdir(exist_ok=True)
        (path / settings.FILE).write_text(samples.sample({}, Settings(notices=hook)))
        self.path = path
        self.daemon = self.anew()

    def anew(self) -> Notifier:
        """Start the daemon again."""
        self.site: Site = site_at(self.path, self.clock)
        self.daemon = Notifier(self.site)
        return self.daemon

    def put(self, event: str, recipients: tuple[str, ...] = ("ulla@example.org",)) -> EntryName:
        one, facts = upload("pkg", "1.0"), dict(FACTS[event.partition("-")[0]])
        name = EntryName(self.site.spool.notices.stamp(NOON), part_key(one.key, event))
        notice = Notice(event, one.key, "pkg", "1.0", "demo", recipients, facts, NOON)
        assert self.site.spool.notices.put(name, notice, {})
        return name

    def work(self) -> None:
        """Tell all that can be told."""
        self.daemon.recover()
        while self.daemon.one():
            pass

    def room(self, name: EntryName) -> Room:
        found = self.site.spool.notices.find(name.key)
        assert found is not None
        return found[0]

    @property
    def logged(self) -> list[Key]:
        """The ids in the log of events."""
        return [one.id for one in EventLog(self.site.logs).last()]

    @property
    def mails(self) -> int:
        """How many mails were laid."""
        return len([*(self.site.logs / "mail").glob("*.eml")])


@pytest.fixture
def told(tmp_path: Path, port: int) -> Told:
    return Told(tmp_path / "site", port)


def test_an_event_is_posted_once_signed_and_says_what_its_mail_says(told: Told, port: int) -> None:
    receiver, name = Receiver(), told.put("failed-amd64")
    with serving(receiver, port):
        told.work()
        told.clock.now += DAY
        told.work()

    (event,) = receiver.got
    assert event["id"] == receiver.headers[0]["Debmill-Delivery"] == name.key
    assert (event["event"], event["source"], event["version"], event["suite"]) == ("failed", "pkg", "1.0", "demo")
    assert event["facts"] == FACTS["failed"]
    assert "ulla@example.org" not in str(event), "addresses are nobody else's business"
    secret = told.site.keys / "webhook.secret"
    signed = hmac.new(secret.read_bytes().strip(), receiver.bodies[0], hashlib.sha256).hexdigest()
    assert receiver.headers[0]["Debmill-Signature"] == f"sha256={signed}"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert told.room(name) is Room.DONE


def test_while_the_receiver_is_away_mails_go_and_when_it_is_back_each_event_comes_once(told: Told, port: int) -> None:
    names = [told.put(event) for event in ("received", "accepted", "published")]
    told.work()
    assert told.mails == 3
    assert {told.room(name) for name in names} == {Room.DEFERRED}

    receiver = Receiver()
    told.clock.now += DAY
    with serving(receiver, port):
        told.work()
    assert receiver.ids == [name.key for name in names]
    assert {told.room(name) for name in names} == {Room.DONE}
    assert told.mails == 3


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_receiver_in_trouble_is_away_and_asked_once_in_a_while(told: Told, port: int, status: int) -> None:
    receiver = Receiver()
    names = [told.put(event) for event in ("received", "accepted")]
    receiver.answers = dict.fromkeys(("received", "accepted"), status)
    with serving(receiver, port):
        told.work()
        told.anew()
        receiver.answers = {}
        told.clock.now += DAY
        told.work()
    assert sorted(receiver.ids) == sorted(name.key for name in names)


def test_a_receiver_that_says_nothing_keeps_no_mail_back(told: Told, port: int) -> None:
    names = [told.put(event) for event in ("received", "accepted", "published")]
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", port))
        silent.listen()
        told.work()
    assert told.mails == 3
    assert {told.room(name) for name in names} == {Room.DEFERRED}


def test_an_event_that_is_not_taken_hinders_no_other(told: Told, port: int) -> None:
    receiver, wrong, good = Receiver(), told.put("received"), told.put("accepted")
    receiver.answers = {"received": 400}
    with serving(receiver, port):
        for _ in range(3):
            told.work()
            told.clock.now += DAY
        assert receiver.ids == [good.key]
        receiver.answers = {}
        told.work()
    assert receiver.ids == [good.key, wrong.key]


def test_who_has_no_address_is_told_to_programs_all_the_same(told: Told, port: int) -> None:
    receiver = Receiver()
    one = Refused("pkg_1.0_source.changes", "signature", "nobody knows that key")
    tell_refused(told.site.spool, told.site.people, "ulla", one, NOON, heard=True)
    with serving(receiver, port):
        told.work()
    (event,) = receiver.got
    assert event["event"] == "refused"
    assert (event["facts"]["rule"], event["facts"]["account"]) == ("signature", "ulla")
    assert "source" not in event
    assert told.mails == 0


def test_the_log_has_a_line_for_each_event(told: Told) -> None:
    names = [told.put("received"), told.put("failed-amd64")]
    told.work()
    told.clock.now += DAY
    told.work()
    assert told.logged == [name.key for name in names]
    assert "excerpt" not in (told.site.logs / "events.jsonl").read_text()

    (told.site.logs / "events.jsonl").rename(told.site.logs / "events.jsonl.1")  # as logrotate does
    told.put("published")
    told.work()
    assert len(told.logged) == 1


def test_a_line_that_a_full_disk_cut_short_spoils_no_other(told: Told) -> None:
    (told.site.logs / "events.jsonl").write_text('{"id": "pkg')
    name = told.put("received")
    told.work()
    assert told.logged == [name.key]


def test_whenever_the_daemon_dies_nothing_is_lost_and_repeats_have_their_id(tmp_path: Path, port: int) -> None:
    receiver, place = Receiver(), iter(range(1000))
    with serving(receiver, port):
        told = Told(tmp_path / "first", port)

        def fresh() -> None:
            nonlocal told, name
            told = Told(tmp_path / str(next(place)), port)
            name = told.put("accepted")
            receiver.got.clear()

        name = told.put("accepted")
        for death in deaths(lambda: told.work(), fresh=fresh):  # noqa: PLW0108 -- another one each time
            told.anew()
            told.clock.now += DAY
            told.work()
            assert told.room(name) is Room.DONE, death
            assert told.logged == [name.key], death
            assert 1 <= len(receiver.ids) <= 2, death
            assert {*receiver.ids} == {name.key}, death
            assert told.mails == 1, death
