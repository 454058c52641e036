"""`debmill doctor` beside work: uploads walk the whole road, the archive is published, and nothing is reported."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemons.deciding import results
from daemons.doctor import examination, keys, machine
from daemons.master import Master
from daemons.sites import Site
from queues.checking.digests import Digests
from queues.outcomes import Done
from tests.support import ailing
from tests.support.ailing import NOW, SUITE


class Work(threading.Thread):
    """One upload after the other, from review to the end; `passed` is notified of each."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self.site = site
        self.master = Master(site)
        self.enough = False
        self.count = 0
        self.passed = threading.Condition()

    def run(self) -> None:
        for number in itertools.takewhile(lambda _: not self.enough, itertools.count(1)):
            self.walk(f"busy{number}")
            if number % 4 == 0:
                self.site.repository.publish(["demo"], NOW - timedelta(hours=1) + timedelta(seconds=number))
            with self.passed:
                self.count = number
                self.passed.notify()

    def walk(self, source: str) -> None:
        one = ailing.brought(self.site, source)
        ailing.accepted(self.site, one)
        assert self.master.one()
        for architecture in SUITE.architectures:
            ailing.built(self.site, one, architecture)
        self.master.idle(NOW)
        with self.site.spool.archive.claim(one.key) as entry:
            assert entry is not None
            results.drop_parts(self.site.spool, one.key, SUITE.architectures, "published")
            entry.settle(Done("published"))

    def wait_for_another(self) -> None:
        """Wait until an upload that began after now is at its end."""
        with self.passed:
            wanted = self.count + 2
            assert self.passed.wait_for(lambda: self.count >= wanted, timeout=60)


def test_nothing_is_reported_of_work_in_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "namespaces", list)
    monkeypatch.setattr(keys, "looks", lambda *_: [])  # they do not change, and gpg would take most of the time
    work = Work(ailing.site_at(tmp_path / "site"))
    work.start()
    try:
        while work.count < 12 and work.is_alive():
            site, later = Site(work.site.path), datetime.now(UTC) + timedelta(minutes=1)
            assert examination.findings(site, Digests(), later, pause=work.wait_for_another) == []
        work.wait_for_another()
    finally:
        work.enough = True
        work.join()
