"""Who gets a mail of a notice now, and who gets it in the daily digest. Pure, but for looking at other notices.

One cause is one mail: of a package that fails on several architectures in the same way, the first one is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from daemons.notifying.events import DIGEST, kind
from queues import envelope, names
from queues.directory import Directory
from queues.names import EntryName
from queues.rooms import Room
from queues.values import Notice
from review.people import People

FAILED = "failed"
_TRIPLET = re.compile(r"[a-z0-9_]+-linux-gnu[a-z0-9_]*")  # the one word of an error that an architecture changes


def put_off(people: People, notice: Notice, *, everybody: bool) -> tuple[str, ...]:
    """Give the recipients who get one mail a day: who chose it, or everybody."""
    if kind(notice) == DIGEST:
        return ()
    chose = {one.mail.lower() for one in people.uploaders() if one.digest}
    chose |= {one.mail.lower() for one in people.reviewers() if one.digest}
    return tuple(mail for mail in notice.recipients if everybody or mail.lower() in chose)


def day_of(now: datetime, at: str) -> str:
    """Name the day of the digest that comes next, YYYYMMDD, where one comes at the time `at` (HH:MM, UTC). Pure."""
    return f"{now if f'{now:%H:%M}' < at else now + timedelta(days=1):%Y%m%d}"


def told_before(queue: Directory[Notice], name: EntryName, notice: Notice) -> str:
    """Name the notice that told of the same failure on another architecture, if one did."""
    if kind(notice) != FAILED:
        return ""
    older = (other for other in _of_upload(queue, notice) if other[0] < name)
    return next((str(other.key) for other, told in older if _cause(told) == _cause(notice)), "")


def _of_upload(queue: Directory[Notice], notice: Notice) -> Iterator[tuple[EntryName, Notice]]:
    for room in (room for room in queue.rooms if room is not Room.TMP):
        for name in _failures(queue.names(room), notice):
            with suppress(FileNotFoundError, envelope.Unreadable):
                yield name, queue.peek(room, name)


def _failures(found: Iterable[EntryName], notice: Notice) -> Iterator[EntryName]:
    for name in found:
        if name.key.startswith(notice.upload) and names.split(name.key).part.startswith(FAILED):
            yield name


def _cause(notice: Notice) -> tuple[str, ...]:
    """Say what a failure is: how, why, and how often a person has asked for another build."""
    facts = notice.facts
    again = notice.event.removeprefix(f"{FAILED}-{facts.get('architecture', '')}")
    return facts.get("phase", ""), _TRIPLET.sub("", facts.get("reason", "")), again
