"""debmill's builds against those of sbuild (unshare mode, unpacking in memory), in time and in bytes, in one run.

usage: python tests/bench/peers.py [--json]

As root it becomes the service account. It takes some twenty minutes. Builds of the two take turns, so a busy machine
slows both alike. What is built are real packages of Debian; those that the mirror does not hold whole are left out and
named on standard error, as are packages that two runs of sbuild do not build identically, and each build.
The exit status is 0 only if every target was met.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # this file's own directory would hide the package of its name

from daemons import account  # noqa: E402 -- after the path is right
from daemons.building.bases.base import Base  # noqa: E402
from daemons.building.builds.build import build  # noqa: E402
from daemons.building.environment import Kind, Limits  # noqa: E402
from daemons.building.layers import resolving  # noqa: E402
from daemons.building.layers.installing import Keeping, Layered, Needs  # noqa: E402
from daemons.command.build import _job  # noqa: E402
from queues.clock import utc  # noqa: E402
from queues.values import BuildJob, BuildResult  # noqa: E402
from tests.support.account import room  # noqa: E402
from tests.support.bases import base_of  # noqa: E402
from tests.support.figures import Figure, printed  # noqa: E402
from tests.support.peer import Built, Peer, digests  # noqa: E402
from tests.support.sources import DebianSources  # noqa: E402

SUITE, ARCHITECTURE = "bookworm", "amd64"
SMALL = ("tree", "hostname", "ed", "pv", "dos2unix", "sl", "figlet", "ucf", "mawk", "bc", "time", "netbase", "less")
MORE = ("debconf", "init-system-helpers", "dh-python", "lz4", "hello")  # built for their bytes, besides those
LAYERS_ONLY = (
    "gzip",
    "jq",
    "libmd",
    "patch",
    "dash",
    "diffstat",
    "bzip2",
)  # only their build dependencies are installed
TEN, TWENTY, LEAST, ROUNDS = 10, 20, 8, 3
OURS = ("install", "setup", "unpack", "collect", "check")  # all phases but the package's own


class Task(NamedTuple):
    """One build: a source package and for what it is built."""

    dsc: Path
    job: BuildJob

    @property
    def name(self) -> str:
        """Name it."""
        return f"{self.job.source} {self.job.version} {self.job.architecture}"


class Bench:
    """Builds by both, over one base, with everything kept in one cache; `work` is a directory of the account."""

    def __init__(self, system: Base, work: Path) -> None:
        self.system = system
        self.work = work
        self.cache = work / "cache"
        (work / "sources").mkdir()
        self.debian = DebianSources(work / "sources")
        self.peer = Peer(system, self.layered(self.cache), work)

    def layered(self, cache: Path) -> Layered:
        """Give environments with layers in a cache, whose lists of the mirror do not grow old during a run."""
        return Layered(self.system, [], utc, Keeping(seconds=1e6), cache=cache)

    def fetch(self, names: Iterable[str], most: int = 1000) -> list[Path]:
        """Fetch the first sources that the mirror holds whole; say which it does not."""
        found: list[Path] = []
        for name in names:
            if len(found) == most:
                break
            dsc = self.debian.fetch(name)
            if dsc is None:
                say(f"{name}: left out, for the mirror does not hold it whole")
            else:
                found.append(dsc)
        return found

    def theirs(self, task: Task) -> Built:
        """Build by sbuild."""
        with tempfile.TemporaryDirectory(dir=self.work) as out:
            built = self.peer.build(task.job, task.dsc, Path(out) / "results")
        say(f"{task.name}: sbuild {built.seconds:.1f} s")
        return built

    def ours(self, task: Task, cache: Path | None = None) -> tuple[Built, dict[str, float]]:
        """Build by debmill; also give the seconds of each phase by its log."""
        with tempfile.TemporaryDirectory(dir=self.work) as name:
            out, started = Path(name), time.perf_counter()
            result = build(self.layered(cache or self.cache), task.job, task.dsc.parent, out, utc)
            spent = time.perf_counter() - started
            assert isinstance(result, BuildResult), result
            log, built = (out / result.log.name).read_text(errors="replace"), Built(spent, digests(out))
        assert result.verdict == "built", log[-3000:]
        (line,) = re.findall(r"^seconds: (.*)$", log, re.MULTILINE)
        phases = {phase: float(seconds) for phase, seconds in (pair.split() for pair in line.split(", "))}
        say(f"{task.name}: debmill {spent:.1f} s ({line})")
        return built, phases


def main() -> int:
    account.give_up_root()
    with room() as work:
        return printed(figures(Bench(base_of(ARCHITECTURE), work)))


def figures(bench: Bench) -> Iterator[Figure]:
    small = bench.fetch(SMALL, TEN)
    more = bench.fetch(MORE)
    yield from layers(bench, [*small, *more, *bench.fetch(LAYERS_ONLY)][:TWENTY])
    yield from one(bench, tasks(small[0])[0])
    theirs: dict[str, Built] = {}
    ours: dict[str, Built] = {}
    yield from several(bench, [tasks(dsc)[0] for dsc in small], theirs, ours)
    yield from identical(bench, [task for dsc in (*small, *more) for task in tasks(dsc)], theirs, ours)


def tasks(dsc: Path) -> list[Task]:
    """Give the builds of a source: for this architecture, and for all."""
    listed = set(re.findall(r"^ \S+ deb .* arch=(\S+)", dsc.read_text(errors="replace"), re.MULTILINE))
    wanted = [ARCHITECTURE] * bool(listed - {"all"}) + ["all"] * ("all" in listed)
    return [Task(dsc, _job(dsc, SUITE, architecture)) for architecture in wanted]


def layers(bench: Bench, sources: list[Path]) -> Iterator[Figure]:
    """The store of layers, after the build dependencies of many sources were asked for, and then again."""
    for turn, most in (("first", TWENTY), ("second", 0)):
        made = sum(missed(bench.layered(bench.cache), tasks(dsc)[0]) for dsc in sources)
        yield Figure(f"layers made for {len(sources)} packages, asked for the {turn} time", made, "", most)
    size = sum(layer.about.size for layer in bench.layered(bench.cache).stores.layers.listing())
    yield Figure(
        "size of all their layers (the most is the default limit)", size / (1 << 20), "MiB", Keeping().layers >> 20
    )


def missed(layered: Layered, task: Task) -> bool:
    """Have the layers of a source; say whether one was made."""
    before = len(layered.stores.layers.listing())
    kind: Kind = "indep" if task.job.architecture == "all" else "arch"
    with open("/dev/null", "wb") as log:
        found = layered.layers(Needs(resolving.needed(task.dsc.read_bytes()), kind), log, Limits())
    assert isinstance(found, tuple), found
    return len(layered.stores.layers.listing()) > before


def one(bench: Bench, task: Task) -> Iterator[Figure]:
    """One package with its layer still to be made, and with it there; the mirror's lists are there in both."""
    bench.ours(task)
    cold, warm, rest, theirs = [], [], [], []
    for number in range(ROUNDS):
        cache = bench.work / f"cold-{number}"
        with open("/dev/null", "wb") as log:
            bench.layered(cache).indices.current(log, Limits())
        cold.append(bench.ours(task, cache)[0].seconds)
        theirs.append(bench.theirs(task).seconds)
        built, phases = bench.ours(task)
        warm.append(built.seconds)
        rest.append(sum(phases[phase] for phase in OURS))
    reference = statistics.median(theirs)
    name = f"{task.job.source} to sbuild ({reference:.1f} s; medians of {ROUNDS})"
    yield Figure(f"{name}, cold layer", statistics.median(cold) / reference, "times", 0.5)
    yield Figure(f"{name}, warm layer", statistics.median(warm) / reference, "times", 0.3)
    yield Figure(f"{task.job.source}, warm: all but dpkg-buildpackage", statistics.median(rest), "s", 1)


def several(bench: Bench, ten: list[Task], theirs: dict[str, Built], ours: dict[str, Built]) -> Iterator[Figure]:
    """Small packages, by sbuild one after the other, and by debmill, warm, through two slots; what came is noted."""
    for task in ten:
        theirs[task.name] = bench.theirs(task)
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as slots:
        for task, (built, _) in zip(ten, slots.map(bench.ours, ten), strict=True):
            ours[task.name] = built
    spent, reference = time.perf_counter() - started, sum(theirs[task.name].seconds for task in ten)
    yield Figure(
        f"{len(ten)} small packages, two slots, warm, to sbuild's sum ({reference:.0f} s)",
        spent / reference,
        "times",
        0.3,
    )


def identical(bench: Bench, wanted: list[Task], theirs: dict[str, Built], ours: dict[str, Built]) -> Iterator[Figure]:
    """Every .deb of what two runs of sbuild build identically; the first run may be noted, and so may ours."""
    same, different, sources = 0, 0, set[str]()
    for task in wanted:
        first = theirs.get(task.name) or bench.theirs(task)
        if first.debs != bench.theirs(task).debs:
            say(f"{task.name}: left out, for two runs of sbuild differ")
            continue
        debs = (ours.get(task.name) or bench.ours(task)[0]).debs
        agree = {name for name in first.debs if debs.get(name) == first.debs[name]}
        say(f"{task.name}: {len(agree)} of {len(first.debs)} .deb identical")
        same, different = same + len(agree), different + len(debs.keys() | first.debs) - len(agree)
        sources.add(task.job.source)
    yield Figure(f".deb that differ from sbuild's ({same} of {len(sources)} packages are identical)", different, "", 0)
    yield Figure(f"packages short of {LEAST} that could be compared", max(0, LEAST - len(sources)), "", 0)


def say(line: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
