"""What is told by itself: each new cycle of build dependencies at once, reminders, and the rest once a day.

All are notices whose keys are made of what they tell, so that a crash tells nobody twice. What is remembered between
two looks only spares work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from daemons.notifying.templates import Templates
from daemons.reporting import depwait, words
from daemons.reporting.digests import Item, digests, put_off
from daemons.reporting.needs import Cycle, cycles
from daemons.reporting.reminders import reminders
from daemons.reporting.report import make
from daemons.sites import Site
from queues import names
from queues.names import Key
from queues.rooms import Room
from queues.values import Notice, Upload
from review.notices import lay
from review.recipients import judges, recipients


class Teller:
    """Looks whether there is anything to tell, and puts it into the queue of notices."""

    def __init__(self, site: Site, templates: Templates) -> None:
        self.site = site
        self._templates = templates
        self.spool = site.spool
        self._seen: list[int] = []  # when the rooms of dep-wait changed last
        self._day = ""  # whose digest is done

    def tell_cycles(self, now: datetime) -> None:
        """Tell those who sent uploads that wait for each other, and the reviewers, once for each cycle."""
        changed = [queue.room(Room.WAITING).stat().st_mtime_ns for queue in self.spool.builds()]
        if changed != self._seen:
            needs = depwait.needs(self.spool)
            for cycle in cycles(needs, depwait.offers(self.spool, needs)):
                lay(self.spool, *self._cycle(cycle, now))
            self._seen = changed

    def remind(self, now: datetime) -> None:
        """Tell the reviewers of a suite what has waited for them for some days, once for each step."""
        for one in reminders(self.spool, now, self.site.settings.notices.remind_days):
            key, upload = names.part_key(one.upload.key, one.event), one.upload
            to = judges(self.site.people.reviewers(), upload.suite)
            facts = {"days": str(one.days), "since": f"{one.since:%F}"}
            notice = Notice(one.event, upload.key, upload.source, upload.version, upload.suite, to, facts, now)
            lay(self.spool, key, notice)

    def tell_digest(self, now: datetime) -> None:
        """Tell each person what was put off for the digest, and reviewers what has waited too long, once a day."""
        rules, day = self.site.settings.report, f"{now:%Y%m%d}"
        if self._day == day or not rules.digest or f"{now:%H:%M}" < rules.digest:
            return
        to = self._reviewers()
        found = words.lines(make(self.site, now, rules.days)) if to else ""
        for one in digests(self._items(now), day, found, to):
            facts = {"site": str(self.site.path), "days": str(rules.days), "text": one.text}
            key = names.upload_key("digest", one.day, _hash(str(self.site.path), one.day, one.to.lower()))
            lay(self.spool, key, Notice("digest", key, "digest", one.date, "", (one.to,), facts, now))
        self._day = day

    def _items(self, now: datetime) -> Iterator[Item]:
        for day, to, notice in put_off(self.spool.notices, now):
            yield Item(day, to, f"{notice.at:%F %H:%M}  {self._templates.subject(notice)}")

    def _cycle(self, cycle: Cycle, now: datetime) -> tuple[Key, Notice]:
        uploads = [self.spool.master.peek(*found) for key in cycle.keys if (found := self.spool.master.find(key))]
        event = f"cycle-{_hash(*cycle.keys)[:8]}"
        parts = names.split(cycle.keys[0])
        to = tuple(dict.fromkeys([*self._senders(uploads), *self._reviewers()]))
        facts = {"cycle": str(cycle)}
        notice = Notice(event, cycle.keys[0], parts.source, parts.version, cycle.suite, to, facts, now)
        return names.part_key(cycle.keys[0], event), notice

    def _senders(self, uploads: Iterable[Upload]) -> list[str]:
        suites = self.site.settings.suites
        domains = {name: suite.notify_domains for name, suite in suites.items()}
        return [mail for one in uploads for mail in recipients(one, self.site.people, domains.get(one.suite, ()))]

    def _reviewers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.mail for one in self.site.people.reviewers()))


def _hash(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
