"""Notices become mails: sent to a real SMTP server, kept while it is away, laid in files where none is named."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from daemons import samples, settings
from daemons.notifier import Notifier, compose
from daemons.settings import Mail, Settings
from daemons.sites import Site
from queues.names import EntryName, part_key
from queues.rooms import Room
from queues.values import Notice
from tests.support.entries import upload

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FACTS = {
    "accepted": {"by": "rita"},
    "rejected": {"by": "rita", "reason": "no copyright file\nand no watch file"},
    "asked": {"by": "rita", "question": "where is its copyright?"},
    "undone": {"by": "rita", "reason": "the wrong one"},
    "superseded": {"by": "2.0"},
    "failed-amd64": {"architecture": "amd64", "phase": "build", "reason": "Error 1", "excerpt": "oh"},
    "withheld": {"reason": "amd64 failed"},
    "abandoned": {"reason": "amd64: Error 1"},
    "held": {"reason": "a name is taken"},
    "refused": {"what": "pkg 1.0 source.changes", "reason": "pkg_1.0.tar.xz did not come within 15 minutes"},
    "published": {"built": "amd64 i386"},
    "cycle-0a1b2c3d": {"cycle": "pkg_1.0 -> other_2.0 -> pkg_1.0"},
}


def notice(event: str, recipients: tuple[str, ...] = ("ulla@example.org",)) -> Notice:
    one = upload("pkg", "1.0")
    return Notice(event, one.key, "pkg", "1.0", "demo", recipients, FACTS[event], NOW)


@pytest.mark.parametrize("event", FACTS)
def test_every_event_has_words(event: str) -> None:
    mail = compose(notice(event), part_key(notice(event).upload, event), "mill@example.org")

    assert mail["Subject"].startswith("pkg 1.0 ")
    assert mail["To"] == "ulla@example.org"
    for fact in FACTS[event].values():
        assert fact.splitlines()[0] in mail["Subject"] + mail.get_content()


def test_every_template_is_used_by_an_event() -> None:
    import daemons

    templates = Path(daemons.__file__ or "").with_name("templates").glob("*.txt")
    assert {path.stem for path in templates} == {event.partition("-")[0] for event in FACTS} | {"digest"}


def test_one_event_is_one_mail_and_one_upload_one_thread() -> None:
    mails = [compose(notice(event), part_key(notice(event).upload, event), "mill@example.org") for event in FACTS]
    again = compose(notice("held"), part_key(notice("held").upload, "held"), "mill@example.org")

    assert len({mail["Message-ID"] for mail in mails}) == len(mails)
    assert len({mail["References"] for mail in mails}) == 1
    assert again["Message-ID"] in {mail["Message-ID"] for mail in mails}


class Inbox:
    """What an SMTP server took."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.recipients: list[str] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802, ARG002 -- aiosmtpd's
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))  # type: ignore[attr-defined]
        self.recipients += envelope.rcpt_tos  # type: ignore[attr-defined]
        return "250 OK"


class Server(Controller):
    """An SMTP server on a port that the kernel chose."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, str]]:
    inbox = Inbox()
    controller = Server(inbox, hostname="127.0.0.1", port=0)
    controller.start()
    yield inbox, f"127.0.0.1:{controller.server.sockets[0].getsockname()[1]}"
    controller.stop()


def site_with(tmp_path: Path, smtp: str) -> Site:
    (tmp_path / settings.FILE).write_text(samples.sample({}, Settings(mail=Mail(smtp=smtp))))
    site = Site(tmp_path)
    site.spool.create([])
    return site


def put(site: Site, one: Notice) -> EntryName:
    name = EntryName(site.spool.notices.stamp(NOW), part_key(one.upload, one.event))
    site.spool.notices.put(name, one, {})
    return name


def test_a_mail_reaches_the_server_once(tmp_path: Path, inbox: tuple[Inbox, str]) -> None:
    taken, address = inbox
    site = site_with(tmp_path, address)
    put(site, notice("rejected", ("ulla@example.org", "rita@example.org")))
    daemon = Notifier(site)
    while daemon.one():
        pass

    assert taken.recipients == ["ulla@example.org", "rita@example.org"]
    (mail,) = taken.mails
    assert isinstance(mail, EmailMessage)
    assert "no copyright file" in mail.get_content()
    assert len(site.spool.notices.names(Room.DONE)) == 1


def test_a_mail_is_kept_while_the_server_is_away(tmp_path: Path) -> None:
    site = site_with(tmp_path, "127.0.0.1:1")
    name = put(site, notice("published"))
    Notifier(site).one()

    assert site.spool.notices.names(Room.DEFERRED) == [name]


def test_without_a_server_mails_are_files(tmp_path: Path) -> None:
    site = site_with(tmp_path, "")
    name = put(site, notice("published"))
    Notifier(site).one()

    mail = email.message_from_bytes((site.logs / "mail" / f"{name}.eml").read_bytes())
    assert mail["Subject"] == "pkg 1.0 is published in demo"


def test_a_notice_for_nobody_is_done(tmp_path: Path) -> None:
    site = site_with(tmp_path, "127.0.0.1:1")
    name = put(site, notice("published", ()))
    Notifier(site).one()

    assert site.spool.notices.names(Room.DONE) == [name]
