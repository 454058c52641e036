"""What is told by itself: each new cycle of build dependencies at once, and the rest once a day.

Both are notices whose keys are made of what they tell, so that a crash tells nobody twice. What is remembered between
two looks only spares work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from daemons.reporting import depwait, words
from daemons.reporting.needs import Cycle, cycles
from daemons.reporting.report import make
from daemons.sites import Site
from queues import names
from queues.names import Key
from queues.rooms import Room
from queues.values import Notice, Upload
from review.notices import lay
from review.recipients import recipients


class Teller:
    """Looks whether there is anything to tell, and puts it into the queue of notices."""

    def __init__(self, site: Site) -> None:
        self.site = site
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

    def tell_digest(self, now: datetime) -> None:
        """Tell the reviewers what has waited too long, when the time of day has come; nothing when nothing has."""
        rules, day = self.site.settings.report, f"{now:%Y%m%d}"
        if self._day == day or not rules.digest or f"{now:%H:%M}" < rules.digest:
            return
        key = names.upload_key("digest", day, _hash(str(self.site.path), day))
        if self.spool.notices.find(key) is None and (to := self._reviewers()):
            found = make(self.site, now, rules.days)
            if found:
                facts = {"site": found.site, "days": str(found.days), "text": words.lines(found)}
                lay(self.spool, key, Notice("digest", key, "digest", f"{now:%F}", "", to, facts, now))
        self._day = day

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
