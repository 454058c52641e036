"""The intake daemon at its start: what a server that died left behind is put in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemons import samples, settings
from daemons.intake.area import Area
from daemons.intake.limits import Limits
from daemons.receiving import reception
from daemons.receiving.reception import Reception
from daemons.sites import Site
from queues.rooms import Room
from queues.values import Suite
from review.refusal import REPLAY
from review.taking import STAGE
from review.verdicts import Refused
from tests.support.entries import upload


def site_at(path: Path) -> Site:
    (path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    site = Site(path)
    site.spool.create(["amd64"])
    site.uploading.mkdir()
    return site


def test_what_a_dead_server_left_half_written_is_removed(tmp_path: Path) -> None:
    site = site_at(tmp_path)
    half_put = site.spool.review.room(Room.TMP) / f"1700000000000000.{upload('pkg', '1.0').key}.0badcafe"
    half_put.mkdir()
    half_told = site.run / "status/ulla/.pkg_1.0_source.txt.new"
    half_told.parent.mkdir(parents=True)
    half_told.touch()
    half_taken = site.uploading / "ulla" / STAGE
    half_taken.mkdir(parents=True)
    (half_taken / "pkg_1.0.dsc").touch()
    told = half_told.with_name("pkg_0.9_source.txt")
    told.touch()
    ours = Reception(site)
    ours.put_in_order()
    ours.look([Area(path, Limits()) for path in site.uploading.iterdir()])

    assert not half_put.exists()
    assert not half_taken.exists()
    assert list(told.parent.iterdir()) == [told]


def test_files_of_an_upload_that_a_dead_server_had_taken_are_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_at(tmp_path)
    (site.uploading / "ulla").mkdir()
    verdict = Refused("pkg_1.0_source.changes", REPLAY, "was taken before")
    monkeypatch.setattr(reception, "consider_all", lambda *_: [verdict])
    Reception(site).look([Area(site.uploading / "ulla", Limits())])

    assert not (site.run / "status/ulla").exists()
    assert site.spool.notices.names(Room.READY) == []
