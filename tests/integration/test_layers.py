"""Layers of build dependencies and package lists: the same root whether warm or cold, and nothing left of a failure."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from daemons.building.environment import Broken, DepWait, Environment, Limits, LocalArchive, Unavailable
from daemons.building.layers.extra import Extra
from daemons.building.layers.installing import Keeping, Layered
from daemons.building.layers.store import Store
from daemons.building.roots import memory
from daemons.building.roots.memory import Room
from daemons.building.roots.overlay import Overlay
from queues.clock import utc
from tests.support import tiny
from tests.support.account import unprivileged
from tests.support.bases import base_of, layers
from tests.support.served import served
from tests.support.tools import runs

pytestmark = pytest.mark.integration
LIMITS = Limits(seconds=300)
TOP = Path(__file__).parents[2]
NEEDS_TOOL = "Build-Depends: local-tool"


def archive_of(root: Path, *packages: Path) -> LocalArchive:
    """An archive of its own that holds these packages."""
    root.mkdir()
    copies = [Path(shutil.copy(package, root)) for package in packages]
    return LocalArchive(root, "local", ("main",), tiny.repository(root, copies), "snapshots/1")


def tool(work: Path, version: str = "1", word: str = "version", **scripts: str) -> Path:
    says = f"#!/bin/sh\necho {word} {version}\n"
    return tiny.binary(Path(tempfile.mkdtemp(dir=work)), "local-tool", scripts, {"usr/bin/local-tool": says}, version)


def store_of(work: Path) -> Store:
    return Store(work / "layers", utc)


class Tried:
    """One installation: what came of it, and what the log says."""

    def __init__(
        self,
        work: Path,
        archive: LocalArchive | None,
        fields: str,
        limit: int = 1 << 30,
        extra: Extra = Extra(),  # noqa: B008 -- it is frozen
    ) -> None:
        archives, keeping = [archive] if archive else [], Keeping(limit)
        environments = Layered(base_of("amd64"), archives, utc, keeping, cache=layers(), extra=extra)
        environments.stores.layers = store_of(work)
        environments.stores.writable = Store(work / "writable", utc)
        (work / "sources").mkdir(exist_ok=True)
        dsc = tiny.source(work / "sources", fields=fields)
        log = io.BytesIO()
        self.outcome = environments.install(dsc, "arch", size=dsc.stat().st_size, log=log, limits=LIMITS)
        self.log = log.getvalue().decode()

    @property
    def fresh(self) -> AbstractContextManager[Environment]:
        assert not isinstance(self.outcome, DepWait | Unavailable), self.log
        return self.outcome

    @property
    def key(self) -> str:
        found = re.search(r"dependency layer (\w+), \d+ packages: (warm|cold)", self.log)
        assert found, self.log
        return found[1]

    @property
    def warm(self) -> bool:
        return f"{self.key}, 1 packages: warm" in self.log

    def says(self, script: str) -> str:
        with self.fresh as environment:
            return said_by(environment, script)


def said_by(environment: Environment, script: str) -> str:
    log = io.BytesIO()
    ended = environment.run(["sh", "-c", script], log=log, limits=LIMITS)
    assert ended.well, log.getvalue().decode()
    return log.getvalue().decode().strip()


# Every file of the root with its mode, owner and size, and what is in those that installing writes
LOOK = r"""cd /; find . -xdev \( -path ./proc -o -path ./dev \) -prune -o -printf '%p %y %m %U:%G %l %s\n' | sort
find etc srv usr/bin var -xdev -type f -readable -print0 2>/dev/null | sort -z | xargs -0 sha256sum"""


@unprivileged
def test_a_warm_layer_gives_the_same_root_without_apt(work: Path) -> None:
    archive = archive_of(work / "archive", tool(work))
    cold = Tried(work, archive, NEEDS_TOOL)
    assert not cold.warm
    assert "apt-get" in cold.log
    root = cold.says(LOOK)
    warm = Tried(work, archive, NEEDS_TOOL)
    assert warm.warm
    assert warm.key == cold.key
    assert "apt-get" not in warm.log
    assert "local-tool_1" not in warm.log
    assert warm.says(LOOK) == root
    (layer,) = store_of(work).listing()
    assert store_of(work).remove(layer)
    again = Tried(work, archive, NEEDS_TOOL)
    assert not again.warm
    assert again.key == cold.key
    assert again.says(LOOK) == root


@unprivileged
def test_a_layer_holds_what_was_installed_and_nothing_of_how(work: Path) -> None:
    archive = archive_of(work / "archive", tool(work, postinst="#!/bin/sh\nsetsid sleep 4321 >/dev/null 2>&1 &\n"))
    tried = Tried(work, archive, NEEDS_TOOL)
    (layer,) = store_of(work).listing()
    assert layer.about.what == ("local-tool 1",)
    assert layer.about.size > 0
    assert not runs("sleep", 4321)
    assert [path.name for path in (work / "layers/.making").iterdir()] == []
    with tried.fresh as environment:
        assert said_by(environment, "local-tool; dpkg-query -Wf '${Version}' local-tool") == "version 1\n1"
        gone = "/srv/archive-0 /etc/resolv.conf /var/cache/apt/pkgcache.bin /var/lib/apt/lists/*Release /var/log/apt/*"
        assert said_by(environment, f"ls -d {gone} 2>/dev/null || true") == ""
        assert said_by(environment, "cat /etc/apt/sources.list.d/debmill.list; grep -c ^build: /etc/passwd") == "1"
        assert said_by(environment, "ls /build /tmp") == "/build:\n\n/tmp:"


@unprivileged
def test_a_new_version_of_a_dependency_makes_another_layer_and_nothing_else_does(work: Path) -> None:
    package = tool(work)
    old = Tried(work, archive_of(work / "1", package), NEEDS_TOOL)
    other = archive_of(work / "2", package, tiny.binary(work, "unrelated", {}))
    same = Tried(work, other, NEEDS_TOOL)
    assert same.warm
    assert same.key == old.key
    updates = [line for line in same.log.splitlines() if line.startswith("$ ") and " update" in line]
    assert len(updates) == 1
    assert "SourceParts=-" in updates[0]  # only what changed is looked at
    new = Tried(work, archive_of(work / "3", tool(work, "2")), NEEDS_TOOL)
    assert new.key != old.key
    assert (old.says("local-tool"), new.says("local-tool")) == ("version 1", "version 2")
    forged = Tried(work, archive_of(work / "4", tool(work, word="another")), NEEDS_TOOL)
    assert forged.says("local-tool") == "another 1"


@unprivileged
def test_another_source_with_the_same_needs_finds_the_layer(work: Path) -> None:
    archive = archive_of(work / "archive", tool(work))
    first = Tried(work, archive, NEEDS_TOOL)
    second = Tried(work, archive, "Build-Depends: local-tool (>= 1), dpkg")
    assert second.warm
    assert second.key == first.key
    assert "local-tool_1" in second.log


@unprivileged
def test_what_the_base_has_makes_no_layer(work: Path) -> None:
    tried = Tried(work, None, "Build-Depends: dpkg, make")
    assert "the base has all build dependencies" in tried.log
    assert store_of(work).listing() == []
    assert tried.says("make --version | head -n 1").startswith("GNU Make")


@unprivileged
def test_what_conflicts_is_gone_from_the_root_and_what_was_replaced_is_new(work: Path) -> None:
    replace = "#!/bin/sh\nset -e\nrm -r /usr/share/doc\nmkdir /usr/share/doc\ntouch /usr/share/doc/new\n"
    archive = archive_of(work / "archive", tool(work, postinst=replace))
    tried = Tried(work, archive, f"{NEEDS_TOOL}\nBuild-Conflicts: fakeroot")
    with tried.fresh as environment:
        assert said_by(environment, "command -v fakeroot || echo gone") == "gone"
        assert (
            said_by(environment, "dpkg-query -W -f '${db:Status-Status}' fakeroot 2>&1 || true").count("installed") <= 1
        )
        assert said_by(environment, "ls /usr/share/doc") == "new"
    with Tried(work, archive, "Build-Depends: make").fresh as environment:
        assert said_by(environment, "command -v fakeroot; ls /usr/share/doc | wc -l").startswith("/usr/bin/fakeroot")


@unprivileged
def test_a_suite_has_sources_and_preferences_of_its_own(work: Path) -> None:
    archive = archive_of(work / "archive", tool(work))
    with served(work / "archive") as url:
        sources = f"Types: deb\nURIs: {url}/{archive.path}\nSuites: local\nComponents: main\nSigned-By: {archive.key}\n"
        found = Tried(work, None, NEEDS_TOOL, extra=Extra(sources))
        unwanted = "Package: local-tool\nPin: origin 127.0.0.1\nPin-Priority: -1\n"
        avoided = Tried(work, None, NEEDS_TOOL, extra=Extra(sources, unwanted))
        other = Tried(work, None, NEEDS_TOOL)
    assert found.says("local-tool; find /etc/apt -name 'suite*'") == "version 1"
    assert avoided.outcome == other.outcome == DepWait("local-tool")


@unprivileged
def test_a_package_that_cannot_be_configured_leaves_no_layer(work: Path) -> None:
    archive = archive_of(work / "archive", tool(work, postinst="#!/bin/sh\nexit 1\n"))
    tried = Tried(work, archive, NEEDS_TOOL)
    assert tried.outcome == DepWait("local-tool (it cannot be configured)")
    assert store_of(work).listing() == []
    assert list((work / "layers/.making").iterdir()) == []


@unprivileged
def test_the_layer_used_longest_ago_goes_unless_it_is_in_use(work: Path) -> None:
    packages = [tiny.binary(work, name, {}) for name in ("one", "two", "three")]
    archive = archive_of(work / "archive", *packages)
    one = Tried(work, archive, "Build-Depends: one", limit=1)
    with one.fresh:
        two = Tried(work, archive, "Build-Depends: two", limit=1)
        assert {layer.key for layer in store_of(work).listing()} == {one.key, two.key}
    three = Tried(work, archive, "Build-Depends: three", limit=1)
    assert {layer.key for layer in store_of(work).listing()} == {three.key}
    assert f"removed layer {one.key}" in three.log
    assert list((work / "layers/.making").iterdir()) == []


@unprivileged
def test_the_lists_of_the_mirror_are_fetched_again_when_they_are_too_old(work: Path) -> None:
    later = timedelta()

    def clock() -> datetime:
        return utc() + later

    def fetches() -> bool:
        log = io.BytesIO()
        environments = Layered(base_of("amd64"), [], clock, Keeping(seconds=3600), cache=work / "cache")
        environments.install(dsc, "arch", size=1, log=log, limits=LIMITS)
        return b"apt-get -q -o APT::Update" in log.getvalue()

    dsc = tiny.source(work, fields="Build-Depends: make")
    assert [fetches(), fetches()] == [True, False]
    later = timedelta(minutes=61)
    assert [fetches(), fetches()] == [True, False]
    assert len(list((work / "cache/indices").glob("[!.]*"))) == 1  # what had not changed is kept once
    environments = Layered(base_of("amd64"), [], clock, cache=work / "cache")
    environments.indices.expire()
    assert fetches()


@unprivileged
def test_apt_takes_the_cache_of_its_lists_for_valid() -> None:
    environments = Layered(base_of("amd64"), [], utc, cache=layers())
    lists = environments.indices.current(io.BytesIO(), LIMITS)
    assert isinstance(lists, tuple)
    log = io.BytesIO()
    with Overlay(base_of("amd64"), layers=lists, user=None) as root:
        command = "apt-get -q --simulate -o Debug::pkgCacheGen=true install hello"
        assert root.administer(command.split(), log=log).well
    assert b"pkgcache.bin is valid" in log.getvalue()


# Installs and enters, then writes and waits to be killed.
HOLDER = """
import io, sys
from pathlib import Path
from tests.integration import test_layers as tests
work, archive, fields = Path(sys.argv[1]), tests.LocalArchive(
    Path(sys.argv[2]), "local", ("main",), Path(sys.argv[2]) / "snapshots/1/dists/local/key.gpg", "snapshots/1"
), sys.argv[3]
class Aloud(io.BytesIO):
    def write(self, data):
        print(data.decode(), end="", flush=True)
        return super().write(data)
tests.io.BytesIO = Aloud
tests.memory.choose = lambda *_: tests.Room(True, "on disk, for a test")
with tests.Tried(work, archive, fields).fresh as environment:
    script = "echo mine >/build/mine; echo entered; exec sleep 1000"
    environment.run(["sh", "-c", script], log=Aloud(), limits=tests.LIMITS)
"""


@pytest.mark.parametrize("word", ["configuring", "entered"])
@unprivileged
def test_a_killed_builder_leaves_nothing_that_the_next_start_does_not_remove(work: Path, word: str) -> None:
    mark = 200_000 + os.getpid()
    script = f"#!/bin/sh\necho configuring\n{f'exec sleep {mark}' if word == 'configuring' else ''}\n"
    archive = archive_of(work / "archive", tool(work, postinst=script))
    command = [sys.executable, "-c", HOLDER, str(work), str(archive.root), NEEDS_TOOL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=TOP, text=True) as holder:
        assert holder.stdout is not None
        assert any(line.strip() == word for line in holder.stdout)
        assert [path for name in ("layers", "writable") for path in (work / name / ".making").glob("[0-9a-f]*/upper")]
        holder.send_signal(signal.SIGKILL)
    left = store_of(work).listing()
    assert len(left) == (0 if word == "configuring" else 1)
    with Tried(work, archive, "Build-Depends: make").fresh:
        assert [*(work / "layers/.making").iterdir(), *(work / "writable").glob(".making/*")] == []
    assert not runs("sleep", mark)


@unprivileged
def test_two_builders_that_want_the_same_new_layer_both_get_it(work: Path) -> None:
    archive = archive_of(work / "archive", tool(work))
    command = [sys.executable, "-c", HOLDER.replace("exec sleep 1000", "local-tool"), *map(str, (work, archive.root))]
    both = [
        subprocess.Popen([*command, NEEDS_TOOL], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=TOP, text=True)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=300)[0] for one in both]
    assert all("version 1" in one for one in said), said
    assert sorted("packages: warm" in one for one in said) == [False, True]
    assert len(store_of(work).listing()) == 1


@unprivileged
def test_a_build_on_disk_is_thrown_away(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "choose", lambda *_: Room(True, "on disk, for a test"))
    tried = Tried(work, None, "Build-Depends: make")
    assert "on disk, for a test" in tried.log
    with tried.fresh as environment:
        assert said_by(environment, "echo mine >mine; mkdir -m 0 closed; cat mine") == "mine"
        assert [path.read_text() for path in (work / "writable/.making").glob("*/upper/build/mine")] == ["mine\n"]
    assert list((work / "writable/.making").iterdir()) == []


@unprivileged
def test_a_dependency_that_makes_a_root_unfit_is_said_at_once(work: Path) -> None:
    """Nobody writes to its FIFO, so whoever opened it to add the user would wait."""
    archive = archive_of(work / "archive", tool(work, postinst="#!/bin/sh\nrm /etc/passwd; mkfifo /etc/passwd\n"))
    tried = Tried(work, archive, NEEDS_TOOL)
    with pytest.raises(Broken, match="/etc/passwd"), tried.fresh:
        pass
