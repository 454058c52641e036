"""What an uploader reads below /status, from entries that are put by hand."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemons import samples, settings
from daemons.receiving.answered import LASTS, Answered, report_of
from daemons.receiving.reports import Reports
from daemons.sites import Site
from queues.layout import Spool
from queues.names import EntryName
from queues.rooms import Room
from queues.values import Suite
from tests.support.entries import put_upload, upload

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    site = Site(tmp_path)
    site.spool = Spool(tmp_path, lambda: NOW)
    site.spool.create(["amd64"])
    return site


@pytest.fixture
def answered(tmp_path: Path) -> Answered:
    return Answered(tmp_path / "run/status")


@pytest.fixture
def reports(site: Site, answered: Answered) -> Reports:
    return Reports(site, answered)


def test_the_list_names_uploads_and_answers_of_this_account_newest_first(
    site: Site, answered: Answered, reports: Reports
) -> None:
    put_upload(site.spool, upload("pkg", "2:1.0-1"))
    answered.keep("ulla", "other_1.0-1_source.changes", "debmill: REFUSED no\n", NOW)
    answered.keep("otto", "his_1.0-1_source.changes", "debmill: REFUSED no\n", NOW)
    os.utime(site.run / "status/ulla/other_1.0-1.txt", (1, 1))
    assert list(reports.names("ulla").items()) == [
        ("pkg_1.0-1.txt", int(NOW.timestamp())),
        ("other_1.0-1.txt", 1),
    ]
    assert list(reports.names("nobody")) == []


def test_an_upload_of_long_ago_is_not_listed(site: Site, reports: Reports) -> None:
    one = upload("pkg", "1.0")
    site.spool.archive.put(EntryName(1_000_000, one.key), one, {}, room=Room.DONE)
    assert list(reports.names("ulla")) == []
    with pytest.raises(FileNotFoundError):
        reports.read("ulla", "pkg_1.0.txt")


def test_the_list_opens_an_entry_once(site: Site, reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    put_upload(site.spool, upload("pkg", "1.0"))
    assert list(reports.names("ulla")) == ["pkg_1.0.txt"]
    monkeypatch.setattr("queues.history.carried", None)
    assert list(reports.names("ulla")) == ["pkg_1.0.txt"]


def test_a_report_is_made_when_it_is_read(site: Site, answered: Answered, reports: Reports) -> None:
    one = upload("pkg", "1.0")
    put_upload(site.spool, one)
    assert b"(review/ready)" in reports.read("ulla", "pkg_1.0.txt")
    assert b"\nSince: 2026-11-01 12:00:00 UTC\n" in reports.read("ulla", "pkg_1.0.txt")
    with site.spool.review.claim(one.key) as entry:
        assert entry is not None
        entry.move(site.spool.review, Room.REJECTED, event="rejected", by="rita", reason="no\x1b[2J licence")
    answered.keep("ulla", "pkg_1.0_source.changes", "debmill: REFUSED a replay\n", NOW)
    text = reports.read("ulla", "pkg_1.0.txt").decode()
    assert "Reason: no?[2J licence\n" in text
    assert "'debmill" not in text, "an uploader cannot run the site's commands"
    assert text.index("(review/rejected)") < text.index("The intake's last answer, 2026-11-01 12:00:00 UTC")
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("hello_2.10-3_source.changes", "hello_2.10-3.txt"),
        ("hello_2.10-3.changes", "hello_2.10-3.txt"),
        ("hello_2.10.orig.tar.gz", "hello_2.10.orig.tar.gz.txt"),
        ("dcut.alice.1.2.commands", "dcut.alice.1.2.commands.txt"),
    ],
)
def test_reports_are_named_after_what_they_are_about(name: str, report: str) -> None:
    assert report_of(name) == report


def test_answers_are_forgotten_when_an_entry_tells_more_and_when_they_are_old(answered: Answered) -> None:
    for name in ("a_1", "b_1"):
        answered.keep("ulla", f"{name}_source.changes", "debmill: REFUSED no\n", NOW)
    answered.forget("ulla", "a_1_source.changes")
    assert list(answered.times("ulla")) == ["b_1.txt"]
    answered.prune(datetime.now(UTC))
    assert list(answered.times("ulla")) == ["b_1.txt"]
    answered.prune(datetime.now(UTC) + LASTS + timedelta(seconds=1))
    assert list(answered.times("ulla")) == []
