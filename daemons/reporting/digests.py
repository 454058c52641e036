"""The daily digest of each person: what was told of uploads that day, and, for reviewers, what waits too long.

A notice is put off for the digest of a day when it is first in hand (`notifying.mails`). Days on which nobody sent
their digests are made up for, within a week.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from daemons.notifying.mails import PUT_OFF
from queues import envelope, history
from queues.names import moment
from queues.rooms import Room
from queues.spool import Queue
from queues.values import Notice

LATEST = timedelta(days=8)


class Item(Struct, frozen=True):
    """What one person is told in the digest of a day (YYYYMMDD), in a line."""

    day: str
    to: str
    line: str


class Digest(Struct, frozen=True):
    """The digest of one person and day."""

    day: str
    to: str
    text: str

    @property
    def date(self) -> str:
        """The day as people write it."""
        return f"{datetime.strptime(self.day, '%Y%m%d').replace(tzinfo=UTC):%F}"


def put_off(queue: Queue[Notice], now: datetime) -> Iterator[tuple[str, str, Notice]]:
    """Give what was put off lately: for the digest of which day, of whom, and the notice."""
    for room in (room for room in queue.rooms if room not in (Room.TMP, Room.CORRUPT)):
        for name in queue.names(room):
            if now - moment(name.stamp) <= LATEST:
                with suppress(FileNotFoundError, envelope.Unreadable):
                    for event in history.read(queue.where(room, name)):
                        if event.event == PUT_OFF:
                            notice = queue.peek(room, name)
                            yield from ((event.facts["digest"], to, notice) for to in event.facts["to"].split())


def digests(items: Iterable[Item], today: str, report: str, reviewers: Sequence[str]) -> Iterator[Digest]:
    """Put together what is due today: one digest a person and day; nobody gets one that says nothing. Pure."""
    lines: dict[tuple[str, str], list[str]] = defaultdict(list)
    to = {mail.lower(): mail for mail in reviewers}
    for one in items:
        if one.day <= today:
            lines[one.day, one.to.lower()].append(one.line)
            to.setdefault(one.to.lower(), one.to)
    told = {(today, mail.lower()): report for mail in reviewers if report}
    for day, who in sorted({*lines, *told}):
        happened = "\n".join(f"  {line}" for line in sorted(lines[day, who]))
        parts = [f"What happened:\n\n{happened}" if happened else "", told.get((day, who), "")]
        yield Digest(day, to[who], "\n\n".join(filter(None, parts)))
