"""What becomes of a job by what sbuild says, word for word as sbuild 0.85 does; a stand-in plays its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemons.building.bases.base import Base
from daemons.building.builds.build import Settings, build
from daemons.building.builds.outcomes import Killed, Outcome
from daemons.building.builds.recipe import log_name
from daemons.building.environment import DepWait, Ended, Environment, Limits, Log, Refused, Unavailable, Usage
from daemons.building.layers.installing import Layered, Needs
from daemons.building.sbuild import sbuild
from queues.clock import utc
from queues.names import Key
from queues.outcomes import Later
from queues.values import BuildJob, BuildResult, FileRef

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
BORDER = f"+{'-' * 78}+\n"
SUMMARY = f"{BORDER}| Summary                                                |\n{BORDER}\nBuild Type: any\n"


def heading(title: str) -> str:
    return f"\n{BORDER}| {title:<77}|\n{BORDER}\n"


BEGIN = "sbuild (Debian sbuild) 0.85.0\nUnpacking /chroot.tar to /var/tmp/sbuild.x...\n" + heading("Update chroot")
DEPENDENCIES = BEGIN + heading("Install package build dependencies") + "Installing build dependencies\n"
UNPACK = DEPENDENCIES + heading("Build") + "\nUnpack source\n-------------\n\n"
BUILD = UNPACK + "\ndpkg-buildpackage\n-----------------\n\nCommand: dpkg-buildpackage -B\n"


class Said:
    """Environments in which sbuild says this, a few bytes at a time, and ends so."""

    def __init__(self, text: str, ended: Ended) -> None:
        self.text = text
        self.ended = ended
        self.ran: list[str] = []

    def install(self, *_: object, **__: object) -> AbstractContextManager[Environment]:
        return nullcontext(self)

    def bring(self, files: Sequence[Path]) -> None:
        pass

    def run(
        self,
        argv: Sequence[str],
        *,
        log: Log,
        limits: Limits,  # noqa: ARG002 -- the shape of environments
        directory: str = "/build",  # noqa: ARG002 -- likewise
        variables: Mapping[str, str] | None = None,
    ) -> Ended:
        self.ran.append(f"{' '.join(argv)} {dict(variables or {})}")
        for start in range(0, len(self.text), 7):
            log.write(self.text[start : start + 7].encode())
            log.flush()
        return self.ended

    walls = "control group: pretended"

    def spent(self) -> Usage:
        return Usage()

    def collect(self, names: Sequence[str], into: Path, limits: Limits) -> tuple[FileRef, ...]:  # noqa: ARG002
        raise Refused(f"{names[0]}: not there")


def job(architecture: str = "amd64") -> BuildJob:
    dsc = FileRef("x_1.0-1.dsc", 1, "0" * 64)
    return BuildJob(Key("x_1.0-1~000000000000"), "x", "1.0-1", architecture, "s", dsc, (dsc,))


def outcome_of(out: Path, said: Said, architecture: str = "amd64") -> Outcome:
    return build(said, job(architecture), out, out, lambda: NOON, Settings(parallel=3), sbuild.STEPS)


def failed(stage: str) -> str:
    return f"\n{SUMMARY}Fail-Stage: {stage}\nStatus: failed\n"


def test_the_log_is_sbuilds_own_whole_and_under_our_phases(tmp_path: Path) -> None:
    rest = f"make: all is well\n{SUMMARY}Status: successful\nno end"
    outcome_of(tmp_path, Said(BUILD + rest, Ended(0)))
    text = (tmp_path / log_name(job())).read_text()
    phases = [line.split()[1] for line in text.splitlines() if line.startswith("=== ")]
    assert phases == ["install", "setup", "sbuild", "dependencies", "unpack", "build", "collect", "failed:"]
    assert f"{BUILD}{rest}\n" in re.sub(r"\n=== .*\n", "", text)


def test_an_architecture_and_all_get_their_own_packages_only(tmp_path: Path) -> None:
    for architecture, words in (("amd64", "--no-arch-all --arch-any"), ("all", "--arch-all --no-arch-any")):
        said = Said("", Ended(1))
        (tmp_path / architecture).mkdir()
        outcome_of(tmp_path / architecture, said, architecture)
        assert said.ran == [
            f"sbuild --chroot=/chroot.tar --build-dir=/build --dist=s {words} x_1.0-1.dsc "
            "{'DEB_BUILD_OPTIONS': 'parallel=3'}"
        ]


@pytest.mark.parametrize(
    ("text", "phase", "reason"),
    [
        (
            f"{UNPACK}dpkg-source: error: File x.tar.xz has size 3\nFAILED [dpkg-source died]\n{failed('unpack')}",
            "unpack",
            "dpkg-source: error: File x.tar.xz has size 3",
        ),
        (
            f"{BUILD}Unpack source\nx.c:1: error: no\nE: Build failure (dpkg-buildpackage died)\n{failed('build')}",
            "build",
            "x.c:1: error: no",
        ),
        (
            f"{BUILD}Fail-Stage: create-session\nx.c:1: error: no\n{failed('build')}",
            "build",
            "x.c:1: error: no",
        ),
    ],
    ids=["unpack", "build", "a-package-that-speaks-as-sbuild"],
)
def test_a_packages_failure_has_its_phase_and_its_first_error(
    tmp_path: Path, text: str, phase: str, reason: str
) -> None:
    result = outcome_of(tmp_path, Said(text, Ended(1)))
    assert isinstance(result, BuildResult)
    assert (result.verdict, result.phase, result.reason) == ("failed", phase, reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            f"{BEGIN}E: The repository 'file:/srv/archive-0 x' is not signed.\n{failed('apt-get-update')}",
            "sbuild, apt-get-update: E: The repository 'file:/srv/archive-0 x' is not signed.",
        ),
        (f"Can't locate Sbuild.pm\nE: {'no'}\n", "sbuild, at the start: E: no"),
        (
            f"{DEPENDENCIES}E: Failed to fetch x.deb  Connection failed\n{failed('install-deps')}",
            "Failed to fetch x.deb  Connection failed",
        ),
    ],
    ids=["update", "start", "mirror"],
)
def test_a_failure_of_the_machine_gives_the_job_back(tmp_path: Path, text: str, reason: str) -> None:
    assert outcome_of(tmp_path, Said(text, Ended(3))) == Later(reason)


def test_a_dependency_that_cannot_be_configured_is_waited_for(tmp_path: Path) -> None:
    said = (
        f"{DEPENDENCIES}Errors were encountered while processing:\n broken-tool\n"
        f" sbuild-build-depends-main-dummy\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n"
        f"{failed('install-deps')}"
    )
    assert outcome_of(tmp_path, Said(said, Ended(3))) == DepWait("broken-tool (it cannot be configured)")


def test_a_build_that_was_killed_is_no_failure_of_the_package(tmp_path: Path) -> None:
    for path in (tmp_path / "one", tmp_path / "two"):
        path.mkdir()
    assert outcome_of(tmp_path / "one", Said(BUILD, Ended(-9, "killed"))) == Killed("the build was killed")
    said = f"{BUILD}make: *** [debian/rules:3: build] Killed\n{failed('build')}"
    killed = Killed("something in the build was killed: make: *** [debian/rules:3: build] Killed")
    assert outcome_of(tmp_path / "two", Said(said, Ended(2))) == killed


def test_a_build_at_a_limit_has_failed(tmp_path: Path) -> None:
    result = outcome_of(tmp_path, Said(BUILD, Ended(-9, "idle")))
    assert isinstance(result, BuildResult)
    assert (result.verdict, result.phase, result.reason) == ("failed", "build", "it wrote nothing for 3600 seconds")


def test_a_base_that_cannot_have_sbuild_is_named_with_the_package(tmp_path: Path) -> None:
    system = Base("nowhere", "amd64", "0" * 12, tmp_path / "nowhere-amd64-000000000000")

    class WithoutSbuild(Layered):
        def layers(self, needs: Needs, *_: object) -> DepWait:
            assert b"sbuild" in needs.dsc
            return DepWait("sbuild")

    tools = sbuild.Sbuild(WithoutSbuild(system, [], utc))._tools(None, Limits())  # type: ignore[arg-type]
    assert isinstance(tools, Unavailable)
    assert "nowhere-amd64-000000000000 cannot have the package sbuild" in tools.reason
    assert 'environment = "overlay"' in tools.reason
