"""The figures of build environments, each against a floor or a limit measured in the same run.

usage: python tests/bench/builds.py [--json]

As root it becomes the service account. What is compared takes turns, so a busy machine slows both alike; the targets in
seconds are for a quiet one. Each phase's go to standard error. The exit status is 0 only if every target was met.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # this file's own directory would hide the package of its name

from daemons import account  # noqa: E402 -- after the path is right
from daemons.building.bases import unpacking  # noqa: E402
from daemons.building.bases.base import Base  # noqa: E402
from daemons.building.builds.build import build  # noqa: E402
from daemons.building.environment import Limits  # noqa: E402
from daemons.building.layers.installing import Layered  # noqa: E402
from daemons.building.roots import entering  # noqa: E402
from daemons.building.roots.ahead import Ahead  # noqa: E402
from daemons.building.roots.first import First  # noqa: E402
from daemons.building.roots.overlay import Overlay  # noqa: E402
from daemons.command.build import _job  # noqa: E402
from queues.clock import utc  # noqa: E402
from queues.values import BuildResult  # noqa: E402
from tests.support import tiny  # noqa: E402
from tests.support.account import room  # noqa: E402
from tests.support.bases import base_of  # noqa: E402
from tests.support.figures import Figure, printed  # noqa: E402
from tests.support.sources import DebianSources  # noqa: E402

ENVIRONMENTS, UNPACKINGS, WARM = 20, 4, 5
SOURCES = ("tree", "hello", "ucf")  # the mirror may not hold each of them whole
# The least that makes such a root: the same namespaces and mounts by a shell, entered by chroot, with no user inside
RECIPE = """
mount -t tmpfs -o size=8g,mode=755 t $M; cd $M; mkdir u w m
mount -t overlay o -olowerdir=$BASE/root,upperdir=u,workdir=w,userxattr m
mount -t proc p m/proc
mount -t tmpfs -o mode=755 d m/dev
for d in null zero full random urandom tty; do : >m/dev/$d; mount --bind /dev/$d m/dev/$d; done
mkdir m/dev/pts m/dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 dp m/dev/pts
mount -t tmpfs -o mode=1777 s m/dev/shm
ln -s pts/ptmx m/dev/ptmx; ln -s /proc/self/fd m/dev/fd
for n in 0:in 1:out 2:err; do ln -s fd/${n%:*} m/dev/std${n#*:}; done
exec chroot m true
"""
NAMESPACES = ("--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child")
OURS = ("install", "setup", "unpack", "collect", "check")  # all phases but the package's own


def main() -> int:
    account.give_up_root()
    with room() as work:
        system = base_of("amd64")
        return printed(figure for measure in MEASURES for figure in measure(system, work))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def environments(system: Base, work: Path) -> list[Figure]:
    """A clean environment that runs `true`, against a shell's least, and against unpacking the base in memory."""
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

    place = work / "mount"
    place.mkdir()
    place.chmod(0o777)
    variables = {**entering.OUTSIDE, "BASE": str(system.path), "M": str(place)}
    work.chmod(0o711)

    def recipe() -> None:
        argv = ["unshare", "--map-auto", "--setuid", "0", "--setgid", "0", *NAMESPACES, "--", "sh", "-ec", RECIPE]
        subprocess.run(argv, env=variables, check=True)

    times: tuple[list[float], list[float], list[float]] = ([], [], [])
    for number in range(ENVIRONMENTS):
        times[0].append(seconds(ours))
        times[1].append(seconds(recipe))
        if number % (ENVIRONMENTS // UNPACKINGS) == 0:
            times[2].append(seconds(unpacked))
    packed.unlink()
    mine, least, theirs = (statistics.median(measured) for measured in times)
    return [
        Figure(f"environment made, used, destroyed; median of {ENVIRONMENTS}", mine * 1e3, "ms", 60),
        Figure(f"the same to the least that a shell needs ({least * 1e3:.0f} ms)", mine / least, "times", 1.5),
        Figure(f"the same to unpacking the base ({theirs * 1e3:.0f} ms)", mine / theirs, "times", 0.05),
    ]


def ahead(system: Base, work: Path) -> list[Figure]:
    """An environment until it can be used, when its first process was started ahead of the need, and when not."""
    times: tuple[list[float], list[float]] = ([], [])
    with Ahead(lambda: [work]) as ready:
        for _ in range(ENVIRONMENTS):
            for measured, start in zip(times, (ready.take, First), strict=True):
                ready.prepare()
                time.sleep(0.1)  # it was started ahead, and has come to rest
                environment = Overlay(system, start=start)
                measured.append(seconds(environment.__enter__))
                environment.__exit__(None, None, None)
    prepared, fresh = (statistics.median(measured) for measured in times)
    what = f"environment ready to be used, started ahead; else {fresh * 1e3:.0f} ms"
    return [Figure(what, prepared * 1e3, "ms", fresh * 1e3 / 2)]


def phases(system: Base, work: Path) -> list[Figure]:
    """A real package, with nothing kept and with everything kept, phase by phase."""
    (work / "sources").mkdir()
    debian = DebianSources(work / "sources")
    dsc = next(filter(None, map(debian.fetch, SOURCES)), None) or tiny.source(
        work / "sources", fields="Build-Depends: debhelper-compat (= 13)"
    )
    cold, *warm = (built(system, work, dsc) for _ in range(1 + WARM))
    median = {phase: statistics.median(one[phase] for one in warm) for phase in cold}
    for kept, times in (("cold", cold), ("warm", median)):
        spent = ", ".join(f"{phase} {time:.2f}" for phase, time in times.items())
        sys.stderr.write(f"{dsc.stem}, {kept}, seconds: {spent}\n")
    return [Figure(f"{dsc.stem}, warm: all but dpkg-buildpackage", sum(median[phase] for phase in OURS), "s", 1)]


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


MEASURES = (environments, ahead, phases)

if __name__ == "__main__":
    sys.exit(main())
