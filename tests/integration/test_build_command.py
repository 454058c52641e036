"""`debmill build` and `debmill environment` as a person types them; no site is there."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from daemons import account, samples, settings
from daemons.building.layers.stores import Stores
from daemons.building.roots import entering
from queues.clock import utc
from queues.values import Suite
from tests.support import tiny
from tests.support.account import unprivileged
from tests.support.bases import base_of
from tests.support.tools import Ran, run

pytestmark = pytest.mark.integration
TOP = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _bases() -> None:
    @unprivileged
    def make() -> None:
        base_of("amd64")

    make()


def debmill(*words: str | Path, stdin: str = "") -> Ran:
    argv = [sys.executable, "-m", "daemons.command", *words]
    return run(argv, cwd=TOP, check=False, stdin=stdin.encode(), env={"DEBMILL_SITE": ""})


def test_a_source_package_becomes_packages_of_the_caller(work: Path) -> None:
    ran = debmill("build", tiny.source(work), "--suite", "bookworm", "--arch", "amd64", "--output", work / "out")
    assert ran.status == 0, ran.output
    names = {path.name for path in (work / "out").iterdir()}
    assert names == {f"tiny_1.0_amd64.{end}" for end in ("deb", "changes", "buildinfo", "log")}
    assert {path.stat().st_uid for path in (work / "out").iterdir()} == {os.getuid()}


def test_a_failure_says_why_and_leaves_only_the_log(work: Path) -> None:
    dsc = tiny.source(work, arch="echo tiny.c:1: error: no; exit 2")
    ran = debmill("build", dsc, "--suite", "bookworm", "--arch", "amd64", "--output", work / "out")
    assert ran.status == 1
    assert "tiny 1.0 amd64: failed (build): tiny.c:1: error: no" in ran.output
    assert [path.name for path in (work / "out").iterdir()] == ["tiny_1.0_amd64.log"]


def test_what_is_missing_is_named(work: Path) -> None:
    dsc = tiny.source(work, fields="Build-Depends: nosuch-dev")
    ran = debmill("build", dsc, "--suite", "bookworm", "--arch", "amd64", "--output", work / "out")
    assert ran.status == 1
    assert "missing: nosuch-dev" in ran.output


def test_a_changed_source_file_is_refused_before_anything_is_done(work: Path) -> None:
    dsc = tiny.source(work)
    (work / "tiny_1.0.tar.xz").write_bytes(b"something else")
    ran = debmill("build", dsc, "--suite", "bookworm", "--output", work / "out")
    assert ran.status == 1
    assert ran.last_line == f"debmill: {work}/tiny_1.0.tar.xz: not the file that tiny_1.0.dsc names"


def test_without_a_base_the_command_that_makes_one_is_said(work: Path) -> None:
    ran = debmill("build", tiny.source(work), "--suite", "nosuch", "--arch", "amd64", "--output", work / "out")
    assert ran.status == 1
    assert "debmill environment create --suite nosuch --arch amd64" in ran.output


def test_a_suite_of_a_site_is_built_by_sbuild_where_its_settings_say_so(work: Path) -> None:
    site = work / "site"
    site.mkdir()
    suite = Suite("testing", base="bookworm", environment="sbuild")
    (site / settings.FILE).write_text(samples.sample({"testing": suite}))
    account.own(site)
    words = ("--suite", "testing", "--output", work / "out")
    ran = debmill("--site", site, "build", tiny.source(work), *words)
    assert ran.status == 0, ran.output
    assert "\nsbuild (Debian sbuild) " in (work / "out/tiny_1.0_amd64.log").read_text()
    assert (work / "out/tiny_1.0_amd64.deb").exists()


def test_bases_are_listed_and_entered() -> None:
    listed = json.loads(debmill("environment", "list", "--json").output)
    assert ("bookworm", "amd64") in {(one["suite"], one["architecture"]) for one in listed}
    assert listed[0].keys() == {"suite", "architecture", "digest", "path", "made", "layers", "started"}
    ran = debmill("environment", "shell", "--user", "bookworm", "amd64", stdin="echo I am $(id -un)\nexit 3\n")
    assert "I am build" in ran.output
    assert ran.status == 3


@unprivileged
def test_layers_are_listed_and_removed_and_a_base_that_changed_is_found(work: Path) -> None:
    root = work / "bookworm-amd64-0123456789ab/root"
    root.mkdir(parents=True)
    (root / "file").write_text("old")
    store = Stores(work, utc).layers
    for key in ("used", "unused"):
        with store.aside() as aside:
            run(entering.mapped(["sh", "-c", "mkdir -m 700 upper work; echo content >upper/file"]), cwd=aside)
            store.keep(aside, key, root.parent.name, ("a 1", "b 2", "c 3", "d 4", "e 5"))
    listed = json.loads(debmill("environment", "list", "--json", "--cache", work).output)
    assert {Path(layer["path"]).name for layer in listed[0]["layers"]} == {"used", "unused"}
    assert "a 1, b 2, c 3, d 4 and 1 more" in debmill("environment", "list", "--cache", work).output
    used = store.find("used")
    assert used is not None
    held = used.hold()
    first = debmill("environment", "sanitize", "--cache", work)
    os.close(held)
    assert (first.status, f"{root.parent.name}: unchanged" in first.output) == (0, True), first.output
    assert [layer.key for layer in store.listing()] == ["used"]
    assert not (store.path / "unused").exists()
    (root / "file").write_text("new")
    second = debmill("environment", "sanitize", "--cache", work)
    assert second.status == 1
    assert f"{root.parent.name}: CHANGED" in second.output
    assert "make a new one with 'debmill environment create --again --suite bookworm --arch amd64'" in second.last_line
    assert debmill("environment", "remove", "bookworm", "amd64", "--cache", work).status == 0
    assert store.listing() == []
