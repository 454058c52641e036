"""What every way to build keeps to, whichever a suite has chosen: debmill's own, and sbuild."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from daemons.building.builds import ways
from daemons.building.builds.build import Settings
from daemons.building.builds.outcomes import Cancelled, Outcome, Suspicious
from daemons.building.environment import DepWait, Limits, LocalArchive
from daemons.building.layers import loose
from daemons.building.layers.extra import Extra
from daemons.building.layers.installing import Layered
from queues.clock import utc
from queues.values import BuildResult, Builds
from tests.support import tiny
from tests.support.account import unprivileged
from tests.support.bases import base_of, layers
from tests.support.served import served
from tests.support.tools import runs

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("way", get_args(Builds))]
TOP = Path(__file__).parents[2]


def outcome_of(
    way: Builds,
    work: Path,
    dsc: Path,
    architecture: str = "amd64",
    *,
    archive: LocalArchive | None = None,
    extra: Extra = Extra(),  # noqa: B008 -- it is frozen
    watch: Callable[[], object] = lambda: None,
    settings: Settings | None = None,
) -> Outcome:
    out = work / "out"
    out.mkdir()
    archives = [archive] if archive else []
    layered = Layered(base_of("amd64"), archives, utc, watch=watch, cache=layers(), extra=extra)
    return ways.way(way, layered)(tiny.job(dsc, architecture), dsc.parent, out, utc, settings or Settings())


def result_of(way: Builds, work: Path, dsc: Path, architecture: str = "amd64", **more: object) -> BuildResult:
    outcome = outcome_of(way, work, dsc, architecture, **more)  # type: ignore[arg-type]
    assert isinstance(outcome, BuildResult), f"{outcome}\n{log_of(work)[-3000:]}"
    return outcome


def log_of(work: Path) -> str:
    return next((work / "out").glob("*.log")).read_text(errors="replace")


def said_in(work: Path, name: str) -> str:
    """What a build said as `NAME is [...]`."""
    (line,) = [line for line in log_of(work).splitlines() if line.startswith(f"{name} is [")]
    return line.partition("[")[2].rpartition("]")[0]


# What a build finds around it, each as one line of the log.
LOOK = r"""
say() { echo "$1 is [$2]"; }
say where "$(pwd)"
say home "$HOME"
say locale "$LC_ALL"
say zone "${TZ-none}"
say user "$(id -u) $(id -un) $USER"
say options "$DEB_BUILD_OPTIONS"
say path "$PATH"
say devices "$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')"
say resolvers "$(cat /etc/resolv.conf 2>/dev/null)"
say name "$(getent hosts $(hostname) | wc -l)"
say loopback "$(perl -MIO::Socket -e '$s = IO::Socket::INET->new(Listen => 1, LocalAddr => q(127.0.0.1)) and
  IO::Socket::INET->new(PeerAddr => q(localhost), PeerPort => $s->sockport) and print q(up)')"
say terminal "$(test -t 0 && echo yes)"
say policy "$(policy-rc.d x start; echo $?)"
say host "$(ls -d SECRET 2>/dev/null)"
"""


@unprivileged
def test_a_build_finds_what_the_rules_of_the_field_say_and_nothing_of_the_host(
    way: Builds, work: Path, secret: Path
) -> None:
    look = {"look": LOOK.replace("SECRET", str(secret))}
    dsc = tiny.source(work, fields="Rules-Requires-Root: no", arch="sh ./look", files=look)
    outcome = result_of(way, work, dsc, settings=Settings(parallel=3))
    assert (outcome.verdict, outcome.phase, outcome.reason) == ("built", "check", ""), log_of(work)[-3000:]
    names = {"tiny_1.0_amd64.deb", "tiny_1.0_amd64.buildinfo", "tiny_1.0_amd64.changes"}
    assert {file.name for file in outcome.files} == names
    for file in (*outcome.files, outcome.log):
        assert tiny.reference(work / "out" / file.name) == file
    found = {
        "where": "/build/tiny-1.0",
        "home": "/nonexistent",
        "locale": "C.UTF-8",
        "zone": "none",
        "user": "1001 build build",
        "options": "parallel=3",
        "path": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "devices": "lo",
        "resolvers": "",
        "name": "1",
        "loopback": "up",
        "terminal": "",
        "policy": "101",
        "host": "",
    }
    assert {name: said_in(work, name) for name in found} == found


@unprivileged
def test_all_gets_the_packages_for_all_only(way: Builds, work: Path) -> None:
    outcome = result_of(way, work, tiny.source(work), "all")
    names = {"tiny-doc_1.0_all.deb", "tiny_1.0_all.buildinfo", "tiny_1.0_all.changes"}
    assert {file.name for file in outcome.files} == names


@pytest.mark.parametrize("fields", ["Rules-Requires-Root: binary-targets", ""], ids=["binary-targets", "absent"])
@unprivileged
def test_rules_are_root_where_they_ask_to_be(way: Builds, work: Path, fields: str) -> None:
    outcome = result_of(way, work, tiny.source(work, fields=fields, arch="echo I am $$(id -u)"))
    assert outcome.verdict == "built", outcome.reason
    assert "\nI am 0\n" in log_of(work)


@unprivileged
def test_a_failure_says_its_phase_and_its_first_error(way: Builds, work: Path) -> None:
    recipe = "echo all is well\necho tiny.c:3: error: expected semicolon; echo '| Unpack source |'; exit 3"
    outcome = result_of(way, work, tiny.source(work, arch=recipe))
    assert (outcome.verdict, outcome.phase) == ("failed", "build")
    assert outcome.reason == "tiny.c:3: error: expected semicolon"
    assert outcome.files == ()
    assert log_of(work).splitlines()[-1].startswith("=== failed: tiny.c:3: error: expected semicolon ===")


@unprivileged
def test_a_source_that_cannot_be_unpacked_has_failed(way: Builds, work: Path) -> None:
    dsc = tiny.source(work)
    job = tiny.job(dsc, "amd64")
    (work / "tiny_1.0.tar.xz").write_bytes(b"something else")
    (work / "out").mkdir()
    build = ways.way(way, Layered(base_of("amd64"), [], utc, cache=layers()))
    outcome = build(job, work, work / "out", utc, Settings())
    assert isinstance(outcome, BuildResult), outcome
    assert (outcome.verdict, outcome.phase) == ("failed", "unpack")
    assert "tiny_1.0.tar.xz" in outcome.reason


@unprivileged
def test_what_is_missing_is_waited_for_and_named(way: Builds, work: Path) -> None:
    outcome = outcome_of(
        way, work, tiny.source(work, fields="Build-Depends: nosuch-dev (>= 2) | nosuch2-dev, debhelper (>= 99)")
    )
    assert outcome == DepWait("nosuch-dev (>= 2) | nosuch2-dev, debhelper (>= 99)")


# Run as root when it is installed: leaves a plain chroot, and looks for a file of the host.
ESCAPE = """#!/usr/bin/perl
mkdir "/tmp/cell"; chdir "/"; chroot "/tmp/cell" or die $!; chdir ".." for 1 .. 40; chroot ".";
print -e "SECRET" ? "ESCAPED" : "LOOKED", "\\n";
"""


@unprivileged
def test_dependencies_come_from_the_archive_and_the_suites_sources_too_and_find_nothing_of_the_host(
    way: Builds, work: Path, secret: Path
) -> None:
    script = ESCAPE.replace("SECRET", str(secret))
    files = {"usr/bin/local-tool": "#!/bin/sh\necho the local tool\n"}
    archive = archive_of(work / "here", tiny.binary(work, "local-tool", {"postinst": script}, files))
    other = archive_of(work / "there", tiny.binary(work, "other-tool", {}))
    dsc = tiny.source(work, fields="Build-Depends: local-tool, other-tool", arch="local-tool")
    with served(other.root) as url:
        extra = Extra(
            f"Types: deb\nURIs: {url}/{other.path}\nSuites: local\nComponents: main\nSigned-By: {other.key}\n"
        )
        outcome = result_of(way, work, dsc, archive=archive, extra=extra)
    assert outcome.verdict == "built", log_of(work)[-3000:]
    assert "\nthe local tool\n" in log_of(work)
    assert "\nLOOKED\n" in log_of(work)
    assert secret.exists()


@unprivileged
def test_what_another_of_its_set_made_is_a_build_dependency_though_nobody_signed_it(way: Builds, work: Path) -> None:
    package = tiny.binary(work, "sister-tool", {}, {"usr/bin/sister-tool": "#!/bin/sh\necho the sister\n"})
    parts = work / "parts"
    parts.mkdir()
    package = package.rename(parts / package.name)
    job = tiny.job(tiny.source(work, fields="Build-Depends: sister-tool", arch="sister-tool"), "amd64")
    ref = tiny.reference(package)
    made = BuildResult(job, "built", "", "check", (ref,), ref, utc(), utc())
    work.chmod(0o711)
    archive = loose.lay(work / "here", [(made, parts)], "amd64")
    outcome = result_of(way, work, work / job.dsc.name, archive=archive)
    assert outcome.verdict == "built", log_of(work)[-3000:]
    assert "\nthe sister\n" in log_of(work)


@unprivileged
def test_a_dependency_that_cannot_be_configured_is_waited_for(way: Builds, work: Path) -> None:
    archive = archive_of(work / "here", tiny.binary(work, "broken-tool", {"postinst": "#!/bin/sh\nexit 1\n"}))
    outcome = outcome_of(way, work, tiny.source(work, fields="Build-Depends: broken-tool"), archive=archive)
    assert outcome == DepWait("broken-tool (it cannot be configured)")


def archive_of(root: Path, package: Path) -> LocalArchive:
    """An archive that holds one package, and that anyone may read, as what is published."""
    root.mkdir()
    root.parent.chmod(0o711)
    return LocalArchive(root, "local", ("main",), tiny.repository(root, [package]), "snapshots/1")


@unprivileged
def test_results_that_are_not_the_jobs_are_not_taken(way: Builds, work: Path) -> None:
    forge = (
        "mkdir -p x/DEBIAN; printf 'Package: libc6\\nVersion: 99-1\\nArchitecture: amd64\\nMaintainer: a\\n"
        "Description: a\\n' >x/DEBIAN/control; dpkg-deb -b x ../libc6_99-1_amd64.deb; "
        "dpkg-distaddfile libc6_99-1_amd64.deb libs optional"
    )
    outcome = outcome_of(way, work, tiny.source(work, arch=forge))
    assert isinstance(outcome, Suspicious)
    assert "libc6_99-1_amd64.deb" in outcome.reason


@unprivileged
def test_a_build_at_its_limit_is_ended_with_all_it_started(way: Builds, work: Path) -> None:
    mark = 200_000 + os.getpid()
    recipe = f"setsid sleep {mark} &\nperl -e 'push @x, q(x) x (1 << 20) while 1'"
    outcome = result_of(way, work, tiny.source(work, arch=recipe), settings=Settings(Limits(memory=400 << 20)))
    assert (outcome.verdict, outcome.phase) == ("failed", "build")
    assert outcome.reason == "it used more than 400 MiB of memory"
    assert not runs("sleep", mark)


@unprivileged
def test_a_cancelled_build_ends_at_once_and_leaves_nothing(way: Builds, work: Path) -> None:
    mark = 300_000 + os.getpid()

    def watch() -> None:
        if runs("sleep", mark):
            raise Cancelled("cancelled by somebody")

    outcome = result_of(way, work, tiny.source(work, arch=f"sleep {mark}"), watch=watch)
    assert (outcome.verdict, outcome.phase, outcome.reason) == ("failed", "build", "cancelled by somebody")
    assert not runs("sleep", mark)
    assert mounts() == []


# Builds, and is killed meanwhile.
BUILDER = """
import sys
from pathlib import Path
from daemons.building.bases import base
from daemons.building.builds import ways
from daemons.building.builds.build import Settings
from daemons.building.layers.extra import Extra
from daemons.building.layers.installing import Layered
from queues.clock import utc
from tests.support import tiny
way, system, cache, work = sys.argv[1], *map(Path, sys.argv[2:])
build = ways.way(way, Layered(base.at(system), [], utc, cache=cache))
(work / "out").mkdir()
build(tiny.job(work / "tiny_1.0.dsc", "amd64"), work, work / "out", utc, Settings())
"""


@unprivileged
def test_nothing_is_left_of_a_build_whose_builder_was_killed(way: Builds, work: Path) -> None:
    mark = 400_000 + os.getpid()
    tiny.source(work, arch=f"setsid sleep {mark} & sleep {mark}")
    words = [sys.executable, "-c", BUILDER, way, str(base_of("amd64").path), str(layers()), str(work)]
    with subprocess.Popen(words, cwd=TOP) as builder:
        deadline = time.monotonic() + 600
        while not runs("sleep", mark):
            assert builder.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        witnesses = [os.pidfd_open(pid) for pid in sleepers(mark)]
        builder.send_signal(signal.SIGKILL)
    assert all(select.select([witness], [], [], 30)[0] for witness in witnesses)
    assert not runs("sleep", mark)
    assert mounts() == []


def sleepers(mark: int) -> list[int]:
    wanted = f"sleep\0{mark}\0".encode()
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if content(path) == wanted]


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def mounts() -> list[str]:
    """The mounts of environments that this machine sees."""
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if line.startswith("environment ")]
