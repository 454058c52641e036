"""The figures of build environments, each against a floor or a limit measured in the same run.

usage: python tests/bench/builds.py [--json]

As root it becomes the service account. What is compared takes turns, so a busy machine slows both alike; the targets in
seconds are for a quiet one. The exit status is 0 only if every target was met.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # this file's own directory would hide the package of its name

from daemons import account  # noqa: E402 -- after the path is right
from daemons.building import entering, unpacking  # noqa: E402
from daemons.building.base import Base  # noqa: E402
from daemons.building.build import build  # noqa: E402
from daemons.building.environment import Limits  # noqa: E402
from daemons.building.installing import Layered  # noqa: E402
from daemons.building.overlay import Overlay  # noqa: E402
from daemons.command.build import _job  # noqa: E402
from queues.clock import utc  # noqa: E402
from queues.values import BuildResult  # noqa: E402
from tests.support import tiny  # noqa: E402
from tests.support.account import room  # noqa: E402
from tests.support.bases import base_of  # noqa: E402
from tests.support.sources import DebianSources  # noqa: E402

ENVIRONMENTS, UNPACKINGS, WARM = 20, 4, 5
SOURCES = ("tree", "hello", "ucf")  # the mirror may not hold each of them whole
OURS = ("install", "setup", "unpack", "collect", "check")  # all phases but the package's own


class Figure(NamedTuple):
    """One line of the table; without a target it is for reading only."""

    what: str
    value: float
    unit: str
    target: float = float("inf")

    @property
    def met(self) -> bool:
        return self.value <= self.target

    def line(self) -> str:
        verdict = (
            "" if self.target == float("inf") else f"at most {self.target:>5g}   {'met' if self.met else 'MISSED'}"
        )
        return f"{self.what:<62} {self.value:9.2f} {self.unit:<5} {verdict}".rstrip()


def main() -> int:
    account.give_up_root()
    with room() as work:
        figures = [figure for measure in MEASURES for figure in measure(base_of("amd64"), work)]
    if "--json" in sys.argv:
        lines = [json.dumps([{**figure._asdict(), "met": figure.met} for figure in figures], indent=1)]
    else:
        lines = [figure.line() for figure in figures]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(figure.met for figure in figures) else 1


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def environments(system: Base, work: Path) -> list[Figure]:
    """A clean environment that runs `true`, against unpacking the base in memory and removing that."""
    packed = work / "base.tar"
    with packed.open("wb") as file:
        argv = entering.mapped(["tar", "--create", "--exclude=./dev/*", "."])
        subprocess.run(argv, cwd=system.path / "root", stdout=file, check=True)

    def ours() -> None:
        with Overlay(system) as environment, open(os.devnull, "wb") as log:
            assert environment.run(["true"], log=log, limits=Limits()).well

    def unpacked() -> None:
        path = Path(tempfile.mkdtemp(prefix="debmill-bench-", dir="/dev/shm"))
        path.chmod(0o777)
        with packed.open("rb") as file:
            unpack = entering.mapped(["sh", "-ec", "mkdir root; tar --extract --directory root"])
            subprocess.run(unpack, cwd=path, stdin=file, check=True)
        unpacking.discard(path)

    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ENVIRONMENTS):
        times[0].append(seconds(ours))
        if number % (ENVIRONMENTS // UNPACKINGS) == 0:
            times[1].append(seconds(unpacked))
    packed.unlink()
    mine, theirs = (statistics.median(measured) for measured in times)
    return [
        Figure(f"environment made, used, destroyed; median of {ENVIRONMENTS}", mine * 1e3, "ms", 60),
        Figure(f"the same to unpacking the base ({theirs * 1e3:.0f} ms)", mine / theirs, "times", 0.05),
    ]


def phases(system: Base, work: Path) -> list[Figure]:
    """A real package, with nothing kept and with everything kept, phase by phase."""
    (work / "sources").mkdir()
    debian = DebianSources(work / "sources")
    dsc = next(filter(None, map(debian.fetch, SOURCES)), None) or tiny.source(
        work / "sources", fields="Build-Depends: debhelper-compat (= 13)"
    )
    cold, *warm = (built(system, work, dsc) for _ in range(1 + WARM))
    median = {phase: statistics.median(one[phase] for one in warm) for phase in cold}
    return [
        *(
            Figure(f"{dsc.stem}, {kept}: {phase}", spent, "s")
            for kept, times in (("cold", cold), ("warm", median))
            for phase, spent in times.items()
        ),
        Figure(f"{dsc.stem}, warm: all but dpkg-buildpackage", sum(median[phase] for phase in OURS), "s", 1),
    ]


def built(system: Base, work: Path, dsc: Path) -> dict[str, float]:
    """Build, and give the seconds of each phase by the log."""
    with tempfile.TemporaryDirectory(dir=work) as name:
        out = Path(name)
        fresh = Layered(system, [], utc, cache=work / "cache")
        result = build(fresh, _job(dsc, "bookworm", "amd64"), dsc.parent, out, utc)
        assert isinstance(result, BuildResult), result
        log = (out / result.log.name).read_text()
    assert result.verdict == "built", log[-3000:]
    (line,) = re.findall(r"^seconds: (.*)$", log, re.MULTILINE)
    return {phase: float(spent) for phase, spent in (pair.split() for pair in line.split(", "))}


MEASURES = (environments, phases)

if __name__ == "__main__":
    sys.exit(main())
