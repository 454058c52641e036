"""Reminders: an upload that waits for a reviewer is told after some days, and again each time they have doubled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from daemons.reporting.waiting import BETWEEN
from queues import envelope, history
from queues.layout import Spool
from queues.names import moment
from queues.rooms import Room
from queues.values import Upload
from review.notices import anew


class Reminder(Struct, frozen=True):
    """That an upload waits for so many days; `event` names the step, and whether a person has put it back since."""

    upload: Upload
    event: str
    days: int
    since: datetime


def reminders(spool: Spool, now: datetime, days: int) -> Iterator[Reminder]:
    """Give the reminder of each upload that waits for `days` or longer; what is younger by its name is not opened."""
    for name in spool.review.names(Room.READY) if days else ():
        if now - moment(name.stamp) < timedelta(days=days):
            return
        try:
            events = history.read(spool.review.where(Room.READY, name))
            upload = spool.review.peek(Room.READY, name)
        except (FileNotFoundError, envelope.Unreadable):
            continue
        since = max((event.at for event in events if event.event not in BETWEEN), default=moment(name.stamp))
        if reached := step(now - since, days):
            yield Reminder(upload, anew(f"waiting-{reached}", events), reached, since)


def step(waited: timedelta, days: int) -> int:
    """Give the last step that is over: of `days`, twice, four times as many, and so on; 0 before the first. Pure."""
    reached = 0
    while waited >= timedelta(days=reached * 2 or days):
        reached = reached * 2 or days
    return reached
