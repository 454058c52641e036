"""Builds of a tiny source package, in real environments over the base of this machine's mirror."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from daemons.building.builds.build import Settings, build
from daemons.building.builds.outcomes import Killed, Outcome, Suspicious
from daemons.building.environment import DepWait, Limits, LocalArchive
from daemons.building.layers.installing import Layered
from queues.clock import utc
from queues.outcomes import Later
from queues.values import BuildResult
from tests.support import tiny
from tests.support.account import unprivileged
from tests.support.bases import base_of, layers

pytestmark = pytest.mark.integration


def built(
    work: Path,
    dsc: Path,
    architecture: str = "amd64",
    *,
    on: str = "amd64",
    archive: LocalArchive | None = None,
    settings: Settings | None = None,
    profiles: tuple[str, ...] = (),
) -> Outcome:
    (work / "out").mkdir()
    fresh = Layered(base_of(on), [archive] if archive else [], utc, cache=layers())
    job = replace(tiny.job(dsc, architecture), profiles=profiles)
    outcome = build(fresh, job, dsc.parent, work / "out", utc, settings or Settings())
    if isinstance(outcome, Later):
        raise AssertionError(outcome.reason)
    return outcome


def log_of(work: Path) -> str:
    return next((work / "out").glob("*.log")).read_text()


@unprivileged
def test_an_architecture_gets_its_own_packages_only(work: Path) -> None:
    outcome = built(work, tiny.source(work))
    assert isinstance(outcome, BuildResult)
    assert (outcome.verdict, outcome.phase, outcome.reason) == ("built", "check", "")
    names = {"tiny_1.0_amd64.deb", "tiny_1.0_amd64.buildinfo", "tiny_1.0_amd64.changes"}
    assert {file.name for file in outcome.files} == names
    for file in (*outcome.files, outcome.log):
        path = work / "out" / file.name
        assert tiny.reference(path) == file
        assert path.stat().st_mode & 0o777 == 0o444
    assert all(f"=== {phase} ===" in log_of(work) for phase in ("setup", "install", "unpack", "build", "collect"))


@unprivileged
def test_all_gets_the_packages_for_all_only(work: Path) -> None:
    outcome = built(work, tiny.source(work), "all")
    assert isinstance(outcome, BuildResult)
    assert "tiny-doc_1.0_all.deb" in {file.name for file in outcome.files}
    assert not any("amd64" in file.name for file in outcome.files)


@pytest.mark.parametrize(("field", "user"), [("no", "1001"), ("binary-targets", "0"), ("", "0")])
@unprivileged
def test_rules_are_root_only_where_they_ask_to_be(work: Path, field: str, user: str) -> None:
    fields = f"Rules-Requires-Root: {field}" if field else ""
    outcome = built(work, tiny.source(work, fields=fields, arch="echo I am $$(id -u)"))
    assert isinstance(outcome, BuildResult)
    assert outcome.verdict == "built", outcome.reason
    assert f"\nI am {user}\n" in log_of(work)


@unprivileged
def test_i386_is_built_where_uname_says_so(work: Path) -> None:
    outcome = built(work, tiny.source(work, arch="uname -m"), "i386", on="i386")
    assert isinstance(outcome, BuildResult)
    assert outcome.verdict == "built", outcome.reason
    assert "\ni686\n" in log_of(work)


@unprivileged
def test_a_missing_dependency_is_waited_for(work: Path) -> None:
    outcome = built(work, tiny.source(work, fields="Build-Depends: nosuch-dev (>= 2) | nosuch2-dev, debhelper (>= 99)"))
    assert outcome == DepWait("nosuch-dev (>= 2) | nosuch2-dev, debhelper (>= 99)")


@unprivileged
def test_each_queue_needs_its_own_dependencies_only(work: Path) -> None:
    dsc = tiny.source(work, fields="Build-Depends-Indep: nosuch-doc")
    outcome = built(work, dsc)
    assert isinstance(outcome, BuildResult)
    assert outcome.verdict == "built"
    (work / "out").rename(work / "first")
    assert built(work, dsc, "all") == DepWait("nosuch-doc")


@unprivileged
def test_a_failure_says_its_phase_and_its_first_error(work: Path) -> None:
    outcome = built(work, tiny.source(work, arch="echo all is well\necho tiny.c:3: error: expected semicolon; exit 3"))
    assert isinstance(outcome, BuildResult)
    assert (outcome.verdict, outcome.phase) == ("failed", "build")
    assert outcome.reason == "tiny.c:3: error: expected semicolon"
    assert outcome.files == ()


@unprivileged
def test_a_source_that_cannot_be_unpacked_has_failed(work: Path) -> None:
    dsc = tiny.source(work)
    job = tiny.job(dsc, "amd64")
    (work / "tiny_1.0.tar.xz").write_bytes(b"something else")
    (work / "out").mkdir()
    outcome = build(Layered(base_of("amd64"), [], utc, cache=layers()), job, work, work / "out", utc)
    assert isinstance(outcome, BuildResult)
    assert (outcome.verdict, outcome.phase) == ("failed", "unpack")
    assert "tiny_1.0.tar.xz" in outcome.reason


@unprivileged
def test_a_profile_counts_for_dependencies_and_in_the_build(work: Path) -> None:
    dsc = tiny.source(work, fields="Build-Depends: nonesuch-tool <!nocheck>", arch="\t@echo as $(DEB_BUILD_PROFILES)")
    outcome = built(work, dsc, profiles=("nocheck", "nodoc"))
    assert isinstance(outcome, BuildResult), log_of(work)
    assert outcome.verdict == "built"
    assert "\nas nocheck nodoc\n" in log_of(work)


@unprivileged
def test_what_is_for_the_installer_is_left_behind(work: Path) -> None:
    udeb = "tiny-udeb_1.0_amd64.udeb"
    outcome = built(
        work, tiny.source(work, after=f"echo hi >../{udeb}\ndpkg-distaddfile {udeb} debian-installer optional")
    )
    assert isinstance(outcome, BuildResult), log_of(work)
    assert outcome.verdict == "built"
    assert udeb not in {file.name for file in outcome.files}
    assert f"left behind, for the archive has no place for udebs: {udeb}" in log_of(work)


@unprivileged
def test_a_build_that_takes_too_long_is_ended_with_all_it_started(work: Path) -> None:
    settings = Settings(Limits(seconds=20))
    outcome = built(work, tiny.source(work, arch="setsid sleep 1000 &\nsleep 1000"), settings=settings)
    assert isinstance(outcome, BuildResult)
    assert (outcome.verdict, outcome.reason) == ("failed", "it took longer than 20 seconds")


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("kill -9 $$$$", "make: *** [debian/rules:6: binary-arch] Killed"),
        ("sh -c 'kill -9 $$$$'; exit $$?", "make: *** [debian/rules:6: binary-arch] Error 137"),
        ("kill -9 $$PPID", "dpkg-buildpackage: error: debian/rules binary-arch subprocess was killed by signal 9"),
        ("kill -9 $$(cut -d ' ' -f 4 /proc/$$PPID/stat); sleep 99", "the build was killed"),
    ],
    ids=["command", "of-a-shell", "make", "dpkg-buildpackage"],
)
@unprivileged
def test_a_build_in_which_something_is_killed_has_no_verdict(work: Path, recipe: str, words: str) -> None:
    outcome = built(work, tiny.source(work, fields="Rules-Requires-Root: no", arch=recipe))
    assert isinstance(outcome, Killed), log_of(work)
    assert words in outcome.reason


@unprivileged
def test_what_a_build_kills_and_gets_over_is_its_own(work: Path) -> None:
    outcome = built(work, tiny.source(work, arch="-sh -c 'kill -9 $$$$'\nsleep 99 & kill -9 $$!; wait\nexit 3"))
    assert isinstance(outcome, BuildResult)
    assert (outcome.verdict, outcome.phase) == ("failed", "build")


@unprivileged
def test_results_that_are_links_are_refused(work: Path) -> None:
    link = "mv ../tiny_1.0_amd64.deb ../real && ln -s real ../tiny_1.0_amd64.deb"
    outcome = built(work, tiny.source(work, after=link))
    assert isinstance(outcome, BuildResult)
    assert (outcome.verdict, outcome.phase) == ("failed", "collect")
    assert outcome.reason.startswith("tiny_1.0_amd64.deb: not a regular file")


@unprivileged
def test_a_package_of_another_name_is_held(work: Path) -> None:
    forge = (
        "mkdir -p x/DEBIAN; printf 'Package: libc6\\nVersion: 99-1\\nArchitecture: amd64\\nMaintainer: a\\n"
        "Description: a\\n' >x/DEBIAN/control; dpkg-deb -b x ../libc6_99-1_amd64.deb; "
        "dpkg-distaddfile libc6_99-1_amd64.deb libs optional"
    )
    outcome = built(work, tiny.source(work, arch=forge))
    assert isinstance(outcome, Suspicious)
    assert "libc6_99-1_amd64.deb" in outcome.reason


@unprivileged
def test_dependencies_come_from_the_local_archive_too(work: Path) -> None:
    tool = tiny.binary(work, "local-tool", {}, {"usr/bin/local-tool": "#!/bin/sh\necho the local tool\n"})
    key = tiny.repository(work / "archive", [tool])
    archive = LocalArchive(work / "archive", "local", ("main",), key, "snapshots/1")
    dsc = tiny.source(work, fields="Build-Depends: local-tool", arch="local-tool; ls /srv; ! ls /srv/archive-0")
    outcome = built(work, dsc, archive=archive)
    assert isinstance(outcome, BuildResult)
    assert outcome.verdict == "built", log_of(work)
    assert "the local tool" in log_of(work)


@unprivileged
def test_an_archive_that_does_not_verify_gives_the_job_back(work: Path) -> None:
    archive = work / "archive"
    key = tiny.repository(archive, [tiny.binary(work, "local-tool", {})])
    release = archive / "snapshots/1/dists/local/InRelease"
    release.write_text(release.read_text().replace("Origin: local", "Origin: other"))
    (work / "out").mkdir()
    dsc = tiny.source(work)
    local = LocalArchive(archive, "local", ("main",), key, "snapshots/1")
    outcome = build(
        Layered(base_of("amd64"), [local], utc, cache=layers()), tiny.job(dsc, "amd64"), work, work / "out", utc
    )
    assert isinstance(outcome, Later)
    assert "apt-get update" in outcome.reason
