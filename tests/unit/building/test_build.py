"""What becomes of a job, whatever its environment says: a stand-in plays the environment."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.dscfile import NotADsc
from daemons.building.builds.build import MOST_FILES, Settings, build
from daemons.building.builds.outcomes import Cancelled, Killed, Outcome
from daemons.building.builds.recipe import log_name
from daemons.building.environment import (
    Broken,
    DepWait,
    Ended,
    Environment,
    Environments,
    Kind,
    Limits,
    Log,
    Refused,
    Unavailable,
    Usage,
)
from daemons.building.roots.collecting import copy_out
from queues.names import Key
from queues.outcomes import Later
from queues.values import BuildJob, BuildResult, FileRef

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
Words = tuple[str, ...]


class Pretended:
    """An environment that answers as it was told to, and remembers what it was asked."""

    def __init__(self, trouble: DepWait | Unavailable | None = None, **ends: Ended) -> None:
        self.trouble = trouble
        self.ends = ends
        self.kind: Kind | None = None
        self.profiles: Sequence[str] = ()
        self.ran: list[str] = []

    def install(
        self, dsc: Path, kind: Kind, profiles: Sequence[str] = (), *, size: int, log: Log, limits: Limits
    ) -> AbstractContextManager[Environment] | DepWait | Unavailable:
        assert dsc.name == job().dsc.name
        assert size == 1
        assert limits.seconds
        self.kind, self.profiles = kind, profiles
        log.write(b"error: an apt that failed and recovered\n")
        return self.trouble or nullcontext(self)

    walls = "control group: pretended"

    def bring(self, files: Sequence[Path]) -> None:
        self.brought = [path.name for path in files]

    def run(
        self,
        argv: Sequence[str],
        *,
        log: Log,
        limits: Limits,
        directory: str = "/build",
        variables: Mapping[str, str] | None = None,
    ) -> Ended:
        assert limits.seconds
        self.ran.append(f"{directory}: {' '.join(argv)} {dict(variables or {})}")
        log.write(f"{argv[0]}: error: it went wrong\n".encode())
        return self.ends.get(argv[0].replace("-", "_"), Ended(0))

    def spent(self) -> Usage:
        return Usage(cpu=1.5, memory=2 << 20, processes=3, disk=4 << 20)

    def collect(self, names: Sequence[str], into: Path, limits: Limits) -> tuple[FileRef, ...]:
        assert limits.results
        assert into.is_dir()
        raise Refused(f"{names[0]}: not a regular file")


def job(architecture: str = "amd64", options: Words = (), profiles: Words = ()) -> BuildJob:
    dsc = FileRef("x_1.0-1.dsc", 1, "0" * 64)
    key = Key("x_1%3a1.0-1~000000000000")
    return BuildJob(key, "x", "1:1.0-1", architecture, "s", dsc, (dsc,), options, profiles)


def outcome_in(environments: Environments, out: Path, **more: Any) -> Outcome:
    return build(environments, job(**more), out, out, lambda: NOON, Settings(Limits(seconds=60), parallel=3))


def test_a_missing_dependency_is_no_failure(tmp_path: Path) -> None:
    assert outcome_in(Pretended(DepWait("libx-dev (>= 2)")), tmp_path) == DepWait("libx-dev (>= 2)")
    assert "libx-dev (>= 2)" in (tmp_path / log_name(job())).read_text()


def test_a_mirror_that_fails_gives_the_job_back(tmp_path: Path) -> None:
    assert outcome_in(Pretended(Unavailable("the mirror is away")), tmp_path) == Later("the mirror is away")


def test_a_machine_that_makes_no_environment_gives_the_job_back(tmp_path: Path) -> None:
    class NoEnvironment(Pretended):
        def install(self, *_: object, **__: object) -> AbstractContextManager[Environment]:
            raise Broken("no namespaces here")

    assert outcome_in(NoEnvironment(), tmp_path) == Later("no namespaces here")


def test_a_source_that_cannot_be_read_has_failed(tmp_path: Path) -> None:
    class Reading(Pretended):
        def install(self, *_: object, **__: object) -> AbstractContextManager[Environment]:
            raise NotADsc("not exactly one paragraph")

    result = outcome_in(Reading(), tmp_path)
    assert isinstance(result, BuildResult)
    assert (result.verdict, result.phase) == ("failed", "install")
    assert result.reason == "x_1.0-1.dsc: not exactly one paragraph"


def test_the_log_tells_limits_and_what_each_phase_used(tmp_path: Path) -> None:
    outcome_in(Pretended(dpkg_buildpackage=Ended(2)), tmp_path)
    text = (tmp_path / log_name(job())).read_text()
    assert "limits: 60 s, 3600 s without output" in text
    assert text.count("used: CPU 1.50 s, memory 2 MiB, disk 4 MiB, 3 processes") == 2


def test_the_log_tells_the_seconds_of_each_phase(tmp_path: Path) -> None:
    ticks = itertools.count()
    build(Pretended(), job(), tmp_path, tmp_path, lambda: NOON + timedelta(seconds=next(ticks)), Settings())
    said = (tmp_path / log_name(job())).read_text()
    assert "seconds: install 1.00, setup 1.00, unpack 1.00, build 1.00, collect 1.00\n" in said


@pytest.mark.parametrize(("program", "phase"), [("dpkg_source", "unpack"), ("dpkg_buildpackage", "build")])
def test_a_failure_is_the_phases_own_first_error(tmp_path: Path, program: str, phase: str) -> None:
    result = outcome_in(Pretended(**{program: Ended(2)}), tmp_path)
    assert isinstance(result, BuildResult)
    assert (result.verdict, result.phase) == ("failed", phase)
    assert result.reason == f"{program.replace('_', '-')}: error: it went wrong"
    assert result.log.size == (tmp_path / result.log.name).stat().st_size
    assert (result.started, result.finished) == (NOON, NOON)


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (Ended(-9, "time"), "it took longer than 60 seconds"),
        (Ended(-9, "output"), f"it wrote more than {1 << 30} bytes of log"),
        (Ended(-9, "idle"), "it wrote nothing for 3600 seconds"),
        (Ended(-9, "memory"), "it used more than 8192 MiB of memory"),
        (Ended(2, "disk"), "it filled its disk, 32768 MiB"),
    ],
)
def test_a_limit_is_the_packages_failure(tmp_path: Path, ended: Ended, reason: str) -> None:
    result = outcome_in(Pretended(dpkg_buildpackage=ended), tmp_path)
    assert isinstance(result, BuildResult)
    assert (result.verdict, result.phase, result.reason) == ("failed", "build", reason)


def test_a_cancelled_build_has_failed_in_its_phase(tmp_path: Path) -> None:
    class Unwanted(Pretended):
        def run(self, *_: object, **__: object) -> Ended:
            raise Cancelled("cancelled by otto: not now")

    result = outcome_in(Unwanted(), tmp_path)
    assert isinstance(result, BuildResult)
    assert (result.verdict, result.phase, result.reason) == ("failed", "unpack", "cancelled by otto: not now")
    assert "failed: cancelled by otto" in (tmp_path / result.log.name).read_text()


def test_a_killed_build_has_no_verdict(tmp_path: Path) -> None:
    assert outcome_in(Pretended(dpkg_buildpackage=Ended(-9, "killed")), tmp_path) == Killed("the build was killed")


def test_a_build_in_which_something_was_killed_has_no_verdict(tmp_path: Path) -> None:
    class Short(Pretended):
        def run(self, *_: object, log: Log, **__: object) -> Ended:
            log.write(b"make: *** [debian/rules:4: build] Killed\n")
            return Ended(2)

    killed = Killed("something in the build was killed: make: *** [debian/rules:4: build] Killed")
    assert outcome_in(Short(), tmp_path) == killed


def test_a_result_that_is_refused_fails_the_collection(tmp_path: Path) -> None:
    result = outcome_in(Pretended(), tmp_path)
    assert isinstance(result, BuildResult)
    assert (result.verdict, result.phase) == ("failed", "collect")
    assert result.reason == "x_1.0-1_amd64.changes: not a regular file"


@pytest.mark.parametrize(("architecture", "kind", "option"), [("amd64", "arch", "-B"), ("all", "indep", "-A")])
def test_a_queue_builds_only_what_is_its_own(tmp_path: Path, architecture: str, kind: str, option: str) -> None:
    environment = Pretended()
    outcome_in(environment, tmp_path, architecture=architecture)
    assert environment.kind == kind
    variables = {"DEB_BUILD_OPTIONS": "parallel=3"}
    assert environment.ran == [
        f"/build: dpkg-source -x x_1.0-1.dsc x-1.0 {variables}",
        f"/build/x-1.0: dpkg-buildpackage -us -uc {option} {variables}",
    ]


def test_a_job_has_options_and_profiles_of_its_own(tmp_path: Path) -> None:
    environment = Pretended()
    outcome_in(environment, tmp_path, options=("nocheck",), profiles=("nocheck", "nodoc"))
    variables = {"DEB_BUILD_OPTIONS": "parallel=3 nocheck", "DEB_BUILD_PROFILES": "nocheck nodoc"}
    assert environment.ran[-1] == f"/build/x-1.0: dpkg-buildpackage -us -uc -B {variables}"
    assert environment.profiles == ("nocheck", "nodoc")
    log = (tmp_path / log_name(job())).read_text()
    assert "\nDEB_BUILD_OPTIONS=parallel=3 nocheck\nDEB_BUILD_PROFILES=nocheck nodoc\n" in log


def test_a_job_may_say_how_parallel_it_is_built(tmp_path: Path) -> None:
    environment = Pretended()
    outcome_in(environment, tmp_path, options=("parallel=1",))
    assert environment.ran[-1].endswith(str({"DEB_BUILD_OPTIONS": "parallel=1"}))


class Leaving(Pretended):
    """An environment in whose place a directory of the host has what the build left."""

    def __init__(self, results: Path, changes: str) -> None:
        super().__init__()
        self.results = results
        results.mkdir()
        (results / "x_1.0-1_amd64.changes").write_text(
            f"Format: 1.8\nChecksums-Sha256:\n{changes}", errors="surrogateescape"
        )

    def collect(self, names: Sequence[str], into: Path, limits: Limits) -> tuple[FileRef, ...]:
        return copy_out("self", str(self.results), names, into, limits.results)


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (["0 x.deb", "0 x.deb"], "x.deb: there is such a file already"),
        (["0 x_1.0-1_amd64.log"], "x_1.0-1_amd64.log: there is such a file already"),
        (["0 x_1.0-1_amd64.changes"], "x_1.0-1_amd64.changes: there is such a file already"),
        (["9" * 5000 + " x.deb"], "no Checksums-Sha256 that can be read"),
        ([f"0 {number}.deb" for number in range(MOST_FILES + 1)], f"names more than {MOST_FILES} files"),
        (["0 ../x.deb"], "not a plain file name"),
        (["0 \udcff.deb"], "x_1.0-1_amd64.changes"),
        (["1 x.deb"], "x.deb: not the file that x_1.0-1_amd64.changes names"),
    ],
    ids=["twice", "log", "itself", "size", "many", "elsewhere", "octets", "other"],
)
def test_a_changes_that_names_what_it_must_not_is_the_packages_failure(
    tmp_path: Path, named: list[str], words: str
) -> None:
    """It is the build's to write, whatever dpkg-genchanges would have put into it."""
    one = Leaving(tmp_path / "results", "".join(f" {EMPTY} {file}\n" for file in named))
    for name in ("x.deb", "x_1.0-1_amd64.log"):
        (one.results / name).write_bytes(b"")
    out = tmp_path / "out"
    out.mkdir()
    result = outcome_in(one, out)
    assert isinstance(result, BuildResult)
    assert (result.verdict, result.phase) == ("failed", "collect")
    assert words in result.reason
    assert f"failed: {result.reason}" in (out / log_name(job())).read_text(), "the log is still the log"
