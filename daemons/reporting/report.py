"""The report: what waits longer than some days, and why. Read once, decided purely."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from daemons.reporting import depwait, lacking
from daemons.reporting.lacking import Lacking
from daemons.reporting.needs import Cycle, Need, cycles, who_brings
from daemons.reporting.waiting import Waiting, waiting
from daemons.sites import Site
from daemons.telling.meaning import DEP_WAIT
from queues import names


class Facts(Struct, frozen=True):
    """What there is at one moment, however young."""

    cycles: Sequence[Cycle]
    lacking: Sequence[Lacking]
    waiting: Sequence[Waiting]


class Report(Struct, frozen=True):
    """What a person should know of a site: cycles at once, the rest when it is older than `days`; oldest first."""

    site: str
    at: datetime
    days: int
    cycles: list[Cycle]
    lacking: list[Lacking]
    waiting: list[Waiting]

    def __bool__(self) -> bool:
        """Say whether there is anything to tell."""
        return bool(self.cycles or self.lacking or self.waiting)


def make(site: Site, now: datetime, days: int, suite: str | None = None) -> Report:
    """Read a site and report on it, or on one suite."""
    return report(str(site.path), _facts(site, now - timedelta(days=days)), now, days, suite)


def report(site: str, facts: Facts, now: datetime, days: int, suite: str | None = None) -> Report:
    """Choose what is old enough, and of the suite; what belongs to no suite is always of it. Pure."""
    until = now - timedelta(days=days)
    found: list[Cycle | Lacking | Waiting] = [*facts.cycles, *facts.lacking, *facts.waiting]
    ours = [one for one in found if suite is None or one.suite in ("", suite)]
    return Report(
        site,
        now,
        days,
        [one for one in ours if isinstance(one, Cycle)],
        sorted((one for one in ours if isinstance(one, Lacking) and one.since <= until), key=_age),
        sorted((one for one in ours if isinstance(one, Waiting) and one.since <= until), key=_age),
    )


def _age(one: Lacking | Waiting) -> tuple[datetime, str, str]:
    return one.since, one.suite, one.architecture


def _facts(site: Site, until: datetime) -> Facts:
    needs = depwait.needs(site.spool)
    offers, owners = depwait.offers(site.spool, needs), depwait.owners(site.repository, needs)
    stuck = [_stuck(need, who_brings(need, offers, owners)) for need in needs if need.since <= until]
    return Facts(cycles(needs, offers), [*lacking.lacking(site)], [*waiting(site.spool, until), *stuck])


def _stuck(need: Need, why: str) -> Waiting:
    key, place = names.part_key(need.upload, need.architecture), f"build/{need.architecture}/waiting"
    return Waiting(DEP_WAIT, need.id, key, need.suite, need.architecture, place, need.since, why or need.missing)
