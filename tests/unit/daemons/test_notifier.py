"""Notices become mails: sent to a real SMTP server, kept while it is away, laid in files where none is named."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

import daemons
from daemons import samples, settings
from daemons.notifier import Notifier
from daemons.notifying.composing import compose
from daemons.notifying.events import DIGEST, KINDS
from daemons.notifying.templates import FACTS, Templates
from daemons.settings import Mail, Settings
from queues.names import EntryName, part_key
from queues.rooms import Room
from queues.values import Notice
from tests.support.dying import deaths
from tests.support.entries import upload
from tests.unit.daemons.waiting import DAY, NOON, Clock, site_at

ULLA, RITA = "ulla@example.org", "rita@example.org"


def notice(event: str, recipients: tuple[str, ...] = (ULLA,), **facts: str) -> Notice:
    one = upload("pkg", "1.0")
    known = FACTS[event.partition("-")[0]]
    return Notice(event, one.key, "pkg", "1.0", "demo", recipients, {**known, **facts}, NOON)


def mail_of(one: Notice, own: Path = Path("/nonexistent")) -> EmailMessage:
    text = Templates(own).write(one)
    return compose(one, part_key(one.upload, one.event), text, "mill@example.org", one.recipients)


# --- words and headers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", KINDS)
def test_every_event_has_words(event: str) -> None:
    mail = mail_of(notice(event))

    assert mail["Subject"].startswith("pkg")
    assert mail["To"] == ULLA
    for fact in FACTS[event].values():
        assert fact.splitlines()[0] in mail["Subject"] + mail.get_content()


def test_there_is_a_template_for_each_event_and_for_nothing_else() -> None:
    found = Path(daemons.__file__ or "").with_name("templates").glob("*.txt")
    assert {path.stem for path in found} == {*KINDS, DIGEST} == {*FACTS}


def test_the_mails_of_an_upload_answer_the_first_one() -> None:
    mails = {event: mail_of(notice(event)) for event in KINDS}
    root = mails.pop("received")["Message-ID"]

    assert mails.pop("refused")["References"] is None, "what was refused belongs to no upload"
    for mail in mails.values():
        assert mail["In-Reply-To"] == mail["References"] == root
    ids = [root, *(mail["Message-ID"] for mail in mails.values())]
    assert len({*ids}) == len(ids)
    assert mail_of(notice("held"))["Message-ID"] == mails["held"]["Message-ID"], "a repeat is the same mail"


def test_what_a_build_printed_steers_no_terminal() -> None:
    mail = mail_of(notice("failed-amd64", excerpt="a\x1b[31mred\x1b[0m\x07\r\n\tb", reason="Error\x1b[2J 1"))
    assert "ared\n\tb" in mail.get_content()
    assert "\x1b" not in mail.as_string()


# --- a site's own words -----------------------------------------------------------------------------------------------


def test_a_sites_own_template_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text("{{ notice.source }}: look!\n\n{% include 'withheld.txt' %}")
    mail = mail_of(notice("held"), tmp_path)
    assert mail["Subject"] == "pkg: look!"
    assert "is withheld" in mail.get_content(), "ours can be a part of it"
    assert [*Templates(tmp_path).problems()] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ notice.source", "line 1: unexpected end"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{% include 'gone.txt' %}", "gone.txt"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("\nno subject", "the subject, is empty"),
        ("\xff", "'utf-8' codec"),
    ],
)
def test_a_template_that_is_broken_is_named_and_ours_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, words: str
) -> None:
    (tmp_path / "held.txt").write_text(text, encoding="latin-1")
    assert mail_of(notice("held"), tmp_path)["Subject"] == "pkg 1.0 is held for a person to look at"
    assert words in caplog.text
    ((path, said),) = Templates(tmp_path).problems()
    assert path == tmp_path / "held.txt"
    assert words in said


def test_a_template_for_no_event_is_told(tmp_path: Path) -> None:
    (tmp_path / "hold.txt").write_text("subject\n")
    ((_, said),) = Templates(tmp_path).problems()
    assert "there is no such event: received" in said


# --- a real server ----------------------------------------------------------------------------------------------------


class Inbox:
    """What an SMTP server took; whom it refuses, by which answer; how it says goodbye."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refuses: dict[str, str] = {}
        self.goodbye = "221 Bye"

    async def handle_RCPT(self, server: SMTP, session: object, envelope: object, to: str, options: object) -> str:  # noqa: N802, ARG002 -- aiosmtpd's
        if to in self.refuses:
            return self.refuses[to]
        envelope.rcpt_tos.append(to)  # type: ignore[attr-defined]
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: object, envelope: object) -> str:  # noqa: N802, ARG002 -- aiosmtpd's
        content: bytes = envelope.content  # type: ignore[attr-defined]
        self.mails.append(email.message_from_bytes(content, policy=email.policy.default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos  # type: ignore[attr-defined]
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: object, envelope: object) -> str:  # noqa: N802, ARG002 -- aiosmtpd's
        return self.goodbye


@contextmanager
def serving(inbox: Inbox, port: int) -> Iterator[None]:
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


@pytest.fixture
def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        found: int = one.getsockname()[1]
        return found


class Post:
    """A site with a mail server, or with none."""

    def __init__(self, path: Path, mail: Mail) -> None:
        self.clock = Clock()
        (path / settings.FILE).write_text(samples.sample({}, Settings(mail=mail)))
        self.site = site_at(path, self.clock)
        self.notices = self.site.spool.notices
        self.daemon = Notifier(self.site)

    def put(self, one: Notice) -> EntryName:
        name = EntryName(self.notices.stamp(self.clock()), part_key(one.upload, one.event))
        assert self.notices.put(name, one, {})
        return name

    def work(self) -> None:
        """Tell all that can be told."""
        self.daemon.recover()
        while self.daemon.one():
            pass

    def room(self, name: EntryName) -> Room:
        found = self.notices.find(name.key)
        assert found is not None
        return found[0]


@pytest.fixture
def post(tmp_path: Path, port: int) -> Post:
    return Post(tmp_path, Mail(smtp=f"127.0.0.1:{port}"))


def test_a_mail_reaches_everybody_once(post: Post, port: int) -> None:
    inbox, name = Inbox(), post.put(notice("rejected", (ULLA, RITA)))
    with serving(inbox, port):
        post.work()

    assert inbox.recipients == [ULLA, RITA]
    (mail,) = inbox.mails
    assert "no copyright file" in mail.get_content()
    assert post.room(name) is Room.DONE


def test_mails_are_kept_while_the_server_is_away_and_come_once_when_it_is_back(post: Post, port: int) -> None:
    names = [post.put(notice(event)) for event in ("accepted", "published", "failed-amd64")]
    post.work()
    assert {post.room(name) for name in names} == {Room.DEFERRED}
    post.clock.now += DAY
    post.work()

    inbox = Inbox()
    with serving(inbox, port):
        post.work()
        assert inbox.mails == [], "the server is left alone for a while"
        post.clock.now += DAY
        post.work()
        post.clock.now += DAY
        post.work()
    assert [mail["Subject"].split()[2:4] for mail in inbox.mails] == [
        ["was", "accepted"],
        ["is", "published"],
        ["failed", "to"],
    ]
    assert {post.room(name) for name in names} == {Room.DONE}


def test_a_server_that_says_no_goodbye_gets_no_mail_twice(post: Post, port: int) -> None:
    inbox, name = Inbox(), post.put(notice("accepted"))
    inbox.goodbye = "421 gone"
    with serving(inbox, port):
        post.work()
    assert len(inbox.mails) == 1
    assert post.room(name) is Room.DONE


def test_who_is_refused_for_now_is_tried_again_and_the_others_get_it_once(post: Post, port: int) -> None:
    inbox, name = Inbox(), post.put(notice("accepted", (ULLA, RITA)))
    inbox.refuses = {RITA: "450 greylisted"}
    with serving(inbox, port):
        post.work()
        assert (inbox.recipients, post.room(name)) == ([ULLA], Room.DEFERRED)
        inbox.refuses = {}
        post.clock.now += DAY
        post.work()
    assert (inbox.recipients, post.room(name)) == ([ULLA, RITA], Room.DONE)
    assert inbox.mails[0]["Message-ID"] == inbox.mails[1]["Message-ID"]


def test_who_is_refused_for_good_is_a_persons_business_and_hinders_nobody(post: Post, port: int) -> None:
    inbox, name = Inbox(), post.put(notice("accepted", (ULLA, RITA)))
    other = post.put(notice("published"))
    inbox.refuses = {RITA: "550 no such user"}
    with serving(inbox, port):
        post.work()
        assert (post.room(name), post.room(other)) == (Room.HOLD, Room.DONE)
        inbox.refuses = {}
        with post.notices.claim(name.key, Room.HOLD) as entry:
            assert entry is not None
            assert f"rita@example.org: 550 no such user; 'debmill queue release {name.key}'" in str(entry.history)
            entry.move(post.notices)
        post.work()
    assert inbox.recipients == [ULLA, ULLA, RITA]
    assert post.room(name) is Room.DONE


def test_whenever_the_daemon_dies_everybody_gets_the_mail_and_a_repeat_is_the_same_mail(
    tmp_path: Path, port: int
) -> None:
    inbox, number, twice = Inbox(), 0, 0
    post, name = Post(tmp_path, Mail(smtp=f"127.0.0.1:{port}")), EntryName(0, upload("pkg", "1.0").key)

    def fresh() -> None:
        nonlocal post, name, number
        number += 1
        (tmp_path / str(number)).mkdir()
        post = Post(tmp_path / str(number), Mail(smtp=f"127.0.0.1:{port}"))
        name = post.put(notice("accepted"))
        inbox.mails.clear()

    with serving(inbox, port):
        for death in deaths(lambda: post.work(), fresh=fresh):  # noqa: PLW0108 -- another one each time
            post.daemon = Notifier(post.site)
            post.clock.now += DAY
            post.work()
            assert post.room(name) is Room.DONE, death
            assert len({mail["Message-ID"] for mail in inbox.mails}) == 1, death
            assert len(inbox.mails) <= 2, death
            twice += len(inbox.mails) - 1
    assert twice <= 2, "only who died between the server's word and writing it down does not know"


def test_an_answer_reaches_the_reviewer_who_asked(post: Post, port: int) -> None:
    post.site.people.add_reviewer("rita", RITA)
    inbox = Inbox()
    post.put(notice("asked"))
    post.put(notice("published"))
    with serving(inbox, port):
        post.work()
    assert [mail["Reply-To"] for mail in inbox.mails] == [RITA, None]


# --- one mail for each cause ------------------------------------------------------------------------------------------


def test_a_package_that_fails_everywhere_in_the_same_way_is_one_mail(post: Post, port: int) -> None:
    inbox = Inbox()
    where = {"amd64": "obj-x86_64-linux-gnu/a.c: error: no b", "i386": "obj-i386-linux-gnu/a.c: error: no b"}
    for architecture, reason in where.items():
        post.put(notice(f"failed-{architecture}", architecture=architecture, reason=reason))
    post.put(notice("failed-armhf", architecture="armhf", reason="a.c: warning: treated as error"))
    post.put(notice("failed-i386-2", architecture="i386", reason=where["i386"]))
    with serving(inbox, port):
        post.work()
    told = [mail["Subject"].rpartition(" ")[2] for mail in inbox.mails]
    assert told == ["amd64", "armhf", "i386"], "after a give-back the same failure is told again"
    assert len(post.notices.names(Room.DONE)) == 4


def test_events_can_be_left_out_of_the_mails(tmp_path: Path) -> None:
    post = Post(tmp_path, Mail(without=("received",)))
    left_out, told = post.put(notice("received")), post.put(notice("accepted"))
    post.work()
    assert [path.name for path in (post.site.logs / "mail").iterdir()] == [f"{told}.eml"]
    assert post.room(left_out) is Room.DONE


# --- without a server -------------------------------------------------------------------------------------------------


def test_without_a_server_mails_are_files(tmp_path: Path) -> None:
    post = Post(tmp_path, Mail())
    name = post.put(notice("published"))
    post.work()
    mail = email.message_from_bytes((post.site.logs / "mail" / f"{name}.eml").read_bytes())
    assert mail["Subject"] == "pkg 1.0 is published in demo"


def test_a_notice_for_nobody_is_done(post: Post) -> None:
    name = post.put(notice("published", ()))
    post.work()
    assert post.room(name) is Room.DONE
