"""Builds that try to harm or to get out: each ends with the right words, within its limits, and leaves nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from daemons.building.build import Settings, build
from daemons.building.environment import Limits, LocalArchive
from daemons.building.installing import Layered
from queues.clock import utc
from queues.values import BuildResult
from tests.support import tiny
from tests.support.account import room, unprivileged
from tests.support.bases import base_of, layers

pytestmark = pytest.mark.integration

LIMITS = Limits(
    seconds=60, idle=30, output=1 << 20, memory=300 << 20, processes=60, disk=200 << 20, shm=16 << 20, results=64 << 20
)


@pytest.fixture
def work() -> Iterator[Path]:
    with room() as path:
        yield path


def namespace(process: Path) -> str:
    """Name the namespace of a process's numbers; empty when it has ended, or is none of ours."""
    try:
        return os.readlink(process / "ns/pid")
    except OSError:
        return ""


def parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def first_processes() -> set[str]:
    """Name the namespaces that this process made and that have not ended."""
    makers = [path for path in Path("/proc").glob("[0-9]*") if parent(path) == os.getpid()]
    inside = [path for path in Path("/proc").glob("[0-9]*") if parent(path) in {int(maker.name) for maker in makers}]
    return {namespace(path) for path in inside} - {"", namespace(Path("/proc/self"))}


class Witness:
    """Remembers the namespaces of the environments that are there while it is asked."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.mounts = Path("/proc/self/mounts").read_text()

    def __call__(self) -> None:
        self.seen |= first_processes()

    def finds_nothing_left(self) -> bool:
        left = [path for path in Path("/proc").glob("[0-9]*") if namespace(path) in self.seen]
        return bool(self.seen) and not left and Path("/proc/self/mounts").read_text() == self.mounts


def outcome_of(work: Path, dsc: Path, *, archives: Sequence[LocalArchive] = (), limits: Limits = LIMITS) -> BuildResult:
    (work / "out").mkdir()
    witness = Witness()
    fresh = Layered(base_of("amd64"), archives, utc, watch=witness, cache=layers())
    outcome = build(fresh, tiny.job(dsc, "amd64"), work, work / "out", utc, Settings(limits))
    assert isinstance(outcome, BuildResult), outcome
    assert witness.finds_nothing_left()
    return outcome


def log_of(work: Path) -> str:
    return next((work / "out").glob("*.log")).read_text(errors="replace")


FILL = "perl -e '$$x = q(x) x (80 << 20); sleep 99'"


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("perl -e 'push @x, q(x) x (1 << 20) while 1'", "it used more than 300 MiB of memory"),
        (f"for i in 1 2 3 4 5; do {FILL} & done; wait", "it used more than 300 MiB of memory"),
        ("perl -e 'fork while 1'", "it had more than 60 processes"),
        ("setsid perl -e '$$SIG{TERM} = q(IGNORE); fork while 1' >/dev/null 2>&1 & sleep 99", "more than 60 processes"),
        ("cat /dev/zero >/tmp/filler; sleep 99", "it filled its disk, 200 MiB"),
        ("mkdir x; cd x; seq 1000000 | xargs touch", "it filled its disk"),
        ("cat /dev/zero >/dev/shm/filler; sleep 99", "it filled /dev/shm, 16 MiB"),
        ("yes | head -c 5G", "it wrote more than 1048576 bytes of log"),
    ],
    ids=["hog", "hogs", "bomb", "hidden-bomb", "disk", "inodes", "shm", "output"],
)
@unprivileged
def test_a_build_is_ended_at_its_limit(work: Path, recipe: str, words: str) -> None:
    outcome = outcome_of(work, tiny.source(work, arch=recipe))
    assert (outcome.verdict, outcome.phase) == ("failed", "build")
    assert words in outcome.reason, log_of(work)
    assert f"failed: {outcome.reason}" in log_of(work)
