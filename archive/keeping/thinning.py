"""Which snapshots stay: the last ones, one a day, one a month. Pure: IDs in, IDs out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from archive.indices.writing import KEPT
from archive.snapshot import SnapshotId, date


class Rule(NamedTuple):
    """How many stay of one suite: the last ones, the last of each day, the last of each month.

    `grace` is how long one stays that is no longer published: clients and builds that began with it still read it.
    """

    last: int = 30
    days: int = 30
    months: int = 12
    grace: timedelta = timedelta(hours=1)


def kept(publications: Collection[SnapshotId], now: datetime, rule: Rule) -> set[SnapshotId]:
    """Choose those that stay of the publications of one suite."""
    found = sorted(publications, reverse=True)
    # The next publication links the index files of the last generations by their hashes: they stay whatever the rule.
    last = found[: max(rule.last, KEPT)]
    daily = _first_of_each((one for one in found if now - date(one) <= timedelta(days=rule.days)), _day)
    monthly = _first_of_each((one for one in found if _month(now) - _month(date(one)) < rule.months), _month_of)
    return {*last, *daily, *monthly, *_in_use(found, now - rule.grace)}


def _in_use(found: Iterable[SnapshotId], since: datetime) -> Iterable[SnapshotId]:
    """Give those that were published at some time since then; the first of them began before."""
    for one in found:
        yield one
        if date(one) <= since:
            return


def _first_of_each(found: Iterable[SnapshotId], span: Callable[[SnapshotId], str]) -> Iterable[SnapshotId]:
    return (next(same) for _, same in groupby(found, span))


def _day(one: SnapshotId) -> str:
    return one[:8]


def _month_of(one: SnapshotId) -> str:
    return one[:6]


def _month(when: datetime) -> int:
    return when.year * 12 + when.month
