"""`debmill log`: kept logs, and one that is followed while it is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daemons import buildlogs, samples, settings
from daemons.sites import Site
from queues.names import EntryName, part_key
from queues.outcomes import Never
from queues.values import Suite
from tests.support.entries import job
from tests.support.tools import run


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    site = Site(tmp_path)
    site.spool.create(["amd64"])
    return site


AS_OURS = "from daemons import account; account.give_up_root = lambda: None; from daemons.command import main; main()"


def log(site: Site, *words: str) -> list[str]:
    return [sys.executable, "-c", AS_OURS, "--site", str(site.path), "log", *words]


def put(site: Site, architecture: str = "amd64") -> EntryName:
    one = job("pkg", "1.0", architecture)
    name = EntryName(1, part_key(one.upload, architecture))
    assert site.spool.build(architecture).put(name, one, {})
    return name


def test_a_log_is_kept_compressed_and_shown_plain(site: Site, tmp_path: Path) -> None:
    name = put(site)
    (tmp_path / "written").write_bytes(b"$ make\n\xff\n" * 1000)
    buildlogs.keep(site.logs, name.key, tmp_path / "written")
    buildlogs.keep(site.logs, name.key, tmp_path / "written")
    kept = Path(run(log(site, "pkg", "--path")).output.strip())
    assert kept.stat().st_size < 200
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
    assert run(log(site, "pkg")).output == "$ make\n\N{REPLACEMENT CHARACTER}\n" * 1000


def test_a_build_is_followed_from_before_its_begin_to_its_end(site: Site) -> None:
    put(site)
    queue = site.spool.build("amd64")
    with subprocess.Popen(
        log(site, "pkg", "--follow"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "waits in build/amd64/ready" in process.stderr.readline()
        with queue.claim() as entry:
            assert entry is not None
            (entry.path / buildlogs.OUT).mkdir()
            with (entry.path / buildlogs.OUT / "pkg_1.0_amd64.log").open("w") as live:
                print("unpacking", file=live, flush=True)
                assert process.stdout.readline() == "unpacking\n"
                print("building", file=live, flush=True)
                assert process.stdout.readline() == "building\n"
                print("failed", file=live, flush=True)
            entry.settle(Never("Error 1"))
        assert process.stdout.read() == "failed\n"
        assert process.wait() == 0


def test_a_job_that_leaves_without_being_built_ends_the_waiting(site: Site) -> None:
    put(site)
    queue = site.spool.build("amd64")
    with subprocess.Popen(log(site, "pkg", "-f"), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "waits" in process.stderr.readline()
        with queue.claim() as entry:
            assert entry is not None
            entry.settle(Never("cancelled"))
        assert "without being built; 'debmill why pkg'" in process.stderr.read()
        assert process.wait() == 1


def test_several_builds_are_not_followed_at_once(site: Site) -> None:
    site.spool.create(["i386"])
    put(site)
    put(site, "i386")
    refused = run(log(site, "pkg", "-f"), check=False)
    assert refused.status == 1
    assert "follow one of them" in refused.output
