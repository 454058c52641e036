"""Reminders of what waits for review, each step once, and the daily digest of who wants one mail a day."""

from __future__ import annotations

import email
import email.policy
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from daemons import samples, settings
from daemons.notifier import Notifier
from daemons.reporting.digests import Digest, Item, digests
from daemons.reporting.reminders import step
from daemons.settings import Mail, Notices, Settings
from daemons.sites import Site
from queues.names import EntryName, Key
from queues.rooms import Room
from queues.values import Upload
from review.desk import Desk
from review.people import People
from review.person import Uploader
from tests.support.dying import deaths
from tests.support.entries import upload
from tests.unit.daemons.waiting import DAY, NOON, SUITE, Clock, site_at

RITA, OTTO, ULLA = "rita@example.org", "otto@example.org", "ulla@example.org"


class Place:
    """A site with a clock, two reviewers, and mails that are files."""

    def __init__(self, path: Path, rules: Settings | None = None) -> None:
        path.mkdir(exist_ok=True)
        self.path, self.clock = path, Clock()
        (path / settings.FILE).write_text(samples.sample({"demo": SUITE}, rules or Settings()))
        self.site: Site = site_at(path, self.clock)
        self.site.people.add_reviewer("rita", RITA)
        self.site.people.add_reviewer("otto", OTTO, ("other",))

    def send(self, version: str = "1.0") -> Upload:
        """Put an upload into review."""
        one, queue = upload("pkg", version), self.site.spool.review
        queue.put(EntryName(queue.stamp(self.clock()), one.key), one, {}, [("taken", {"by": "ulla"})])
        return one

    def notify(self) -> None:
        """Let a notifier begin, and do all there is to do."""
        daemon = Notifier(site_at(self.path, self.clock))
        daemon.recover()
        while daemon.one():
            pass
        daemon.idle(self.clock())
        daemon.tidy(self.clock())
        while daemon.one():
            pass

    @property
    def keys(self) -> list[Key]:
        """What was told, in its order."""
        queue = self.site.spool.notices
        return [name.key for name in sorted(name for room in queue.rooms for name in queue.names(room))]

    def mails(self, event: str) -> list[EmailMessage]:
        """The mails of an event, in their order."""
        found = sorted((self.site.logs / "mail").glob(f"*{event}*.eml"))
        return [email.message_from_bytes(one.read_bytes(), policy=email.policy.default) for one in found]  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# --- reminders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "days", "reached"),
    [(71, 3, 0), (72, 3, 3), (143, 3, 3), (144, 3, 6), (24 * 13, 3, 12), (24 * 100, 3, 96), (24, 1, 1), (49, 1, 2)],
)
def test_a_step_is_twice_the_one_before(hours: int, days: int, reached: int) -> None:
    assert step(timedelta(hours=hours), days) == reached


def test_the_reviewers_of_the_suite_are_reminded_once_at_each_step(place: Place) -> None:
    one = place.send()
    for day in range(14):
        place.clock.now = NOON + day * DAY
        for _ in range(2):
            place.notify()
    reminders = [key for key in place.keys if "_waiting" in key]
    assert reminders == [f"{one.key}_waiting-{days}" for days in (3, 6, 12)]
    first = place.mails("_waiting-3")[0]
    assert first["To"] == RITA, "nobody else may decide on this suite"
    assert first["Subject"] == "pkg 1.0 waits for review since 3 days"
    assert "debmill review show pkg_1.0" in first.get_content()


def test_one_look_tells_the_last_step_alone(place: Place) -> None:
    one = place.send()
    place.clock.now += 30 * DAY
    place.notify()
    assert [key for key in place.keys if "_waiting" in key] == [f"{one.key}_waiting-24"]


def test_what_was_put_aside_and_back_waits_anew(place: Place) -> None:
    one, desk = place.send(), Desk(place.site.spool, place.site.people, {"demo": SUITE})
    place.clock.now += 3 * DAY
    place.notify()
    desk.hold(one.key, "rita", "for later", place.clock())
    place.clock.now += 3 * DAY
    place.notify()
    desk.release(one.key, "rita", place.clock())
    place.clock.now += 3 * DAY
    place.notify()
    assert [key for key in place.keys if "_waiting" in key] == [f"{one.key}_waiting-3", f"{one.key}_waiting-3-2"]


def test_reminders_can_be_switched_off(tmp_path: Path) -> None:
    place = Place(tmp_path, Settings(notices=Notices(remind_days=0)))
    place.send()
    place.clock.now += 30 * DAY
    place.notify()
    assert [key for key in place.keys if "_waiting" in key] == []


def test_whenever_the_daemon_dies_a_reminder_is_one_mail(tmp_path: Path) -> None:
    place, number = Place(tmp_path / "first"), 0

    def fresh() -> None:
        nonlocal place, number
        number += 1
        place = Place(tmp_path / str(number))
        place.send()
        place.clock.now += 3 * DAY + timedelta(hours=1)

    for death in deaths(lambda: place.notify(), fresh=fresh):  # noqa: PLW0108 -- another one each time
        place.notify()
        assert len([key for key in place.keys if "_waiting" in key]) == 1, death
        assert len(place.mails("_waiting")) == 1, death
        assert place.site.spool.notices.names(Room.READY) == [], death


# --- the digest -------------------------------------------------------------------------------------------------------


def test_a_digest_is_made_for_each_person_and_day_that_has_something_to_say() -> None:
    items = [Item("20261101", ULLA, "b"), Item("20261101", ULLA, "a"), Item("20261102", RITA, "c")]
    tomorrow = Item("20261103", RITA, "not yet")
    assert list(digests([*items, tomorrow], "20261102", "it waits", [RITA, OTTO])) == [
        Digest("20261101", ULLA, "What happened:\n\n  a\n  b"),
        Digest("20261102", OTTO, "it waits"),
        Digest("20261102", RITA, "What happened:\n\n  c\n\nit waits"),
    ]
    assert list(digests([], "20261102", "", [RITA])) == []


def tell(place: Place, event: str, one: Upload) -> None:
    place.site.tell(event, one, place.clock(), by="rita")


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    ulla = Uploader("ulla", ULLA, ("*",), ("*",), (), ())
    monkeypatch.setattr(People, "uploaders", lambda _: [ulla])


@pytest.mark.usefixtures("registered")
def test_who_chose_the_digest_gets_one_mail_a_day_and_the_others_one_for_each_event(place: Place) -> None:
    place.site.people.add_reviewer("rita", RITA, digest=True)
    for version in ("1.0", "2.0"):
        place.send(version)
    place.clock.now = NOON + 3 * DAY + timedelta(hours=1)
    place.notify()
    assert place.mails("_waiting") == []
    tell(place, "accepted", upload("pkg", "2.0"))
    place.notify()
    assert [mail["To"] for mail in place.mails("_accepted")] == [ULLA]

    place.clock.now += DAY
    for _ in range(3):
        place.notify()
    (digest,) = place.mails("digest_")
    assert digest["To"] == RITA
    told = [line.split("  ")[-1] for line in digest.get_content().splitlines() if "pkg" in line]
    assert told == ["pkg 1.0 waits for review since 3 days", "pkg 2.0 waits for review since 3 days"]
    place.clock.now += DAY
    place.notify()
    assert len(place.mails("digest_")) == 1, "nothing happened since"


@pytest.mark.usefixtures("registered")
def test_a_site_can_send_everybody_one_mail_a_day_and_makes_up_for_days_it_missed(tmp_path: Path) -> None:
    place = Place(tmp_path, Settings(mail=Mail(digest=True)))
    tell(place, "accepted", upload("pkg", "1.0"))
    place.notify()
    assert place.mails("_accepted") == []
    place.clock.now = NOON + 3 * DAY  # nobody was there
    place.site.tell("withheld", upload("pkg", "2.0"), place.clock(), reason="i386 failed")
    place.site.tell("published", upload("pkg", "1.0"), place.clock())  # lacks what its template needs
    place.notify()
    place.clock.now += DAY
    place.notify()
    digests = place.mails("digest_")
    assert [mail["To"] for mail in digests] == [ULLA, ULLA]
    assert [mail["Subject"].split()[1] for mail in digests] == ["2026-11-03:", "2026-11-06:"]
    assert "pkg 1.0 was accepted for demo" in digests[0].get_content()
    assert "pkg 2.0 is withheld" in digests[1].get_content()
    assert "pkg 1.0: published" in digests[1].get_content()


@pytest.mark.usefixtures("registered")
def test_without_a_time_for_digests_nobody_waits_for_one(tmp_path: Path) -> None:
    place = Place(tmp_path, Settings(mail=Mail(digest=True), report=settings.Report(digest="")))
    tell(place, "accepted", upload("pkg", "1.0"))
    place.notify()
    assert [mail["To"] for mail in place.mails("_accepted")] == [ULLA]


@pytest.mark.usefixtures("registered")
def test_whenever_the_daemon_dies_a_digest_is_one_mail_and_lacks_nothing(tmp_path: Path) -> None:
    place, number = Place(tmp_path / "first"), 0

    def fresh() -> None:
        nonlocal place, number
        number += 1
        place = Place(tmp_path / str(number), Settings(mail=Mail(digest=True)))
        tell(place, "accepted", upload("pkg", "1.0"))

    def work() -> None:
        place.clock.now = NOON
        place.notify()
        place.clock.now = NOON + DAY
        place.notify()

    for death in deaths(work, fresh=fresh):
        work()
        place.clock.now += DAY
        place.notify()
        (mail,) = place.mails("digest_")
        assert mail.get_content().count("was accepted for demo") == 1, death
        assert place.mails("_accepted") == [], death
