"""`debmill archive snapshots`, `gc` and the daemon that thins: what they are told of the site."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archive.indices.writing import KEPT
from daemons import account, samples, settings
from daemons.command import command
from daemons.publisher import Publisher
from daemons.sites import Site
from queues.values import Suite
from tests.support.entries import put_upload, upload
from tests.unit.archive import packages
from tests.unit.archive.packages import MOMENT


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(account, "give_up_root", lambda: None)
    text = samples.sample({"demo": Suite("demo")}).replace("# snapshots = 30", "snapshots = 1")
    (tmp_path / settings.FILE).write_text(text.replace("# snapshot_days = 30", "snapshot_days = 0"))
    site = Site(tmp_path)
    site.spool.create(["amd64"])
    site.repository._signer = packages.Rubber()
    site.repository._tree.create()
    (site.archive / "keys/archive.asc").write_text("a key\n")
    for number in range(KEPT + 2):
        site.repository.publish(["demo"], MOMENT + timedelta(minutes=number))
    return site


def printed(site: Site, *arguments: str) -> Any:
    done = CliRunner().invoke(command, ["--site", str(site.path), "archive", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_gc_spares_the_sources_that_are_in_the_queues(site: Site) -> None:
    folder = site.archive / "pool/main/p/pkg"
    folder.mkdir(parents=True)
    (folder / "pkg_1.0.orig.tar.gz").write_bytes(b"upstream's")
    assert printed(site, "gc", "--dry-run")["files"] == ["pool/main/p/pkg/pkg_1.0.orig.tar.gz"]
    put_upload(site.spool, upload("pkg", "1.0"))
    assert printed(site, "gc")["files"] == []
    assert (folder / "pkg_1.0.orig.tar.gz").exists()


def test_the_daemon_thins_by_the_settings(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    assert len(printed(site, "snapshots")) == KEPT + 2
    caplog.set_level("INFO")
    Publisher(site).tidy(MOMENT + timedelta(days=500))
    assert len(printed(site, "snapshots")) == KEPT
    assert "snapshots are removed whose time is over: 2026" in caplog.text
    assert printed(site, "snapshots", "--last", "1")[0]["current"] == ["demo", "demo-debug"]
