"""The figures of the queues, each against a floor or a limit measured in the same run.

usage: tests/run bench, or python tests/bench/queues.py [--json] with the Python in which debmill is installed

Rounds of ours and of the floor take turns, and medians are compared, so a busy machine slows both alike. The exit
status is 0 only if every target was met.

For minutes after many files were removed, an ext4 without a journal makes new ones dear: wait between two runs.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # this file's own directory would hide the package of its name

from daemons.logs import to_stderr  # noqa: E402
from daemons.process.daemon import Daemon  # noqa: E402 -- after the path is right
from daemons.telling.overview import look  # noqa: E402
from queues import atomic, envelope, history  # noqa: E402
from queues.entry import FILES, Entry  # noqa: E402
from queues.layout import Spool  # noqa: E402
from queues.names import EntryName, part_key  # noqa: E402
from queues.outcomes import Done, Outcome  # noqa: E402
from queues.rooms import Room  # noqa: E402
from queues.spool import Queue  # noqa: E402
from queues.values import BuildJob  # noqa: E402
from tests.support.dying import disk  # noqa: E402
from tests.support.entries import job, spool_at  # noqa: E402
from tests.support.figures import Figure, printed  # noqa: E402
from tests.support.mill import Mill, place, remove_site  # noqa: E402
from tests.support.processor import idle_cost, is_idle  # noqa: E402

ROUNDS, CYCLES = 200, 5
ARRIVALS = 1000
CLAIMERS, CLAIMS = 8, 20_000
MANY, FEW = 100_000, 1_000
IDLE = 60  # seconds
processes = multiprocessing.get_context("fork")


class Unsynced(atomic.Disk):
    """A disk that never waits for the platter."""

    def sync(self, path: Path) -> None:
        pass


@contextmanager
def without_sync() -> Iterator[None]:
    real = os.fsync, os.posix_fadvise
    os.fsync, os.posix_fadvise = lambda _: None, lambda *_: None
    try:
        with disk(Unsynced()):
            yield
    finally:
        os.fsync, os.posix_fadvise = real


def main() -> int:
    return printed(measured())


def measured() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="debmill-bench-") as path:
        for number, measure in enumerate(MEASURES):
            site = Path(path) / str(number)
            site.mkdir()
            yield from measure(spool_at(site))
    yield from idle()


def lay(queue: Queue[BuildJob], count: int) -> None:
    """Put many jobs into `ready` without the care of `put`."""
    one = job("pkg", "1.0", "amd64")
    content = envelope.encode(one)
    line = history.Event(queue.clock(), "queued").line()
    for number in range(1, count + 1):
        path = queue.where(Room.READY, named(number))
        (path / FILES).mkdir(parents=True)
        (path / history.FILE).write_bytes(content + line)


def named(number: int) -> EntryName:
    return EntryName(number, part_key(job("pkg", f"1.{number}", "amd64").upload, "amd64"))


# One cycle: put, claim and finish of one entry, against what no queue on directories can do without


def cycle(spool: Spool) -> list[Figure]:
    queue, bare = spool.build("amd64"), spool.site / "bare"
    for room in ("tmp", "ready", "active", "done"):
        (bare / room).mkdir(parents=True)
    one, numbers = job("pkg", "1.0", "amd64"), iter(range(1, 1 << 30))
    content = envelope.encode(one)

    def ours() -> None:
        name = named(next(numbers))
        started = time.perf_counter()
        queue.put(name, one, {}, [("queued", {"upload": one.upload})])
        with queue.claim() as entry:
            assert entry is not None
            entry.settle(Done("built"))
        times[ours].append(time.perf_counter() - started)

    def floor() -> None:
        name = str(named(next(numbers)))
        started = time.perf_counter()
        bare_cycle(str(bare), name, content)
        times[floor].append(time.perf_counter() - started)

    def compared(what: str, target: float) -> Figure:
        for _ in range(ROUNDS):
            for one_cycle in (ours, floor):
                for _ in range(CYCLES):
                    one_cycle()
        mine, least = (statistics.median(times.pop(key)) * 1e6 for key in (ours, floor))
        return Figure(f"{what} ({mine:.0f} us to {least:.0f} us)", mine / least, "times", target)

    times: dict[Callable[[], None], list[float]] = {ours: [], floor: []}
    with logging_to(spool.site / "log"):
        durable = compared("put+claim+finish, durable", 1.5)
        times = {ours: [], floor: []}
        with without_sync():
            return [durable, compared("the same without fsync", 3)]


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Log as a daemon does, into a file."""
    with open(path, "w") as file, redirect_stderr(file):
        to_stderr(verbose=True)
        try:
            yield
        finally:
            logging.getLogger().handlers = []


def bare_cycle(root: str, name: str, content: bytes) -> None:
    """Make a directory with a synced envelope and rename it three times, syncing each target room."""
    path = f"{root}/tmp/{name}"
    os.mkdir(path)
    descriptor = os.open(f"{path}/envelope", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    os.write(descriptor, content)
    os.fsync(descriptor)
    os.close(descriptor)
    synced(path)
    for old, new in (("tmp", "ready"), ("ready", "active"), ("active", "done")):
        os.rename(f"{root}/{old}/{name}", f"{root}/{new}/{name}")
        synced(f"{root}/{new}")


def synced(path: str) -> None:
    if not isinstance(atomic.disk, Unsynced):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.fsync(descriptor)
        os.close(descriptor)


def crowded(spool: Spool) -> list[Figure]:
    """A claim with many waiting, against a claim with few."""
    few, many = spool.build("i386"), spool.build("amd64")
    lay(few, FEW)
    lay(many, MANY)
    costs = {}
    for queue, count in ((few, FEW), (many, MANY)):
        started = time.perf_counter()
        queue.oldest()
        scan = time.perf_counter() - started
        costs[count] = scan / count + statistics.median(claim(queue) for _ in range(FEW // 2))
    what = f"claim, {MANY} waiting ({costs[MANY] * 1e6:.0f} us) to {FEW} ({costs[FEW] * 1e6:.0f} us)"
    return [Figure(what, costs[MANY] / costs[FEW], "times", 2)]


def claim(queue: Queue[BuildJob]) -> float:
    started = time.perf_counter()
    with queue.claim() as entry:
        taken = time.perf_counter()
        assert entry is not None
        entry.settle(Done())
    return taken - started


# A daemon of its own process


class Echo(Daemon[BuildJob]):
    """Tells the other side of a pipe when it starts to handle, and when it is idle."""

    def __init__(self, spool: Spool, pipe: Connection) -> None:
        super().__init__("echo", spool.site / "run", [spool.build("amd64")], spool.clock)
        self.pipe = pipe

    def handle(self, entry: Entry[BuildJob]) -> Outcome | None:  # noqa: ARG002 -- only when it came matters
        self.pipe.send(time.monotonic())
        return Done()

    def idle(self, now: object) -> None:  # noqa: ARG002 -- the skeleton gives it
        self.pipe.send("idle")


class Arrivals(atomic.Disk):
    """Notes when something was last renamed."""

    at = 0.0

    def rename(self, old: Path, new: Path) -> None:
        self.at = time.monotonic()
        super().rename(old, new)


@contextmanager
def echo(spool: Spool) -> Iterator[tuple[BaseProcess, Connection]]:
    ours, theirs = processes.Pipe()
    process = processes.Process(target=lambda: Echo(spool, theirs).run())
    process.start()
    try:
        yield process, ours
    finally:
        process.terminate()
        process.join()


def latency(spool: Spool) -> list[Figure]:
    """How long an idle daemon takes from an entry's arrival to its handler."""
    queue, one, arrivals, delays = spool.build("amd64"), job("pkg", "1.0", "amd64"), Arrivals(), []
    with echo(spool) as (_, pipe), disk(arrivals):
        for number in range(1, ARRIVALS + 1):
            while pipe.recv() != "idle" or pipe.poll(0.002):
                pass
            queue.put(named(number), one, {}, [("queued", {})])
            delays.append(pipe.recv() - arrivals.at)
    return [Figure(f"arrival to handler, median of {ARRIVALS}", statistics.median(delays) * 1e3, "ms", 5)]


MEMORY = """
import sys
sys.path[0] = sys.argv[1]
from pathlib import Path
from daemons.process.daemon import Daemon
from queues.layout import Spool
from queues.recovery import recover
def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
class Sleeper(Daemon):
    def handle(self, entry): self.tell()
    def idle(self, now): self.tell()
    def tell(self):
        print(resident() - before, flush=True)
        sys.stdin.read()
        self.stopping = True
        self.wakeup.ring()
spool = Spool(Path(sys.argv[2]))
before = resident()
Sleeper("sleeper", spool.site / "run", [spool.build("amd64")], spool.clock).run()
"""


def memory(spool: Spool) -> list[Figure]:
    """What a daemon needs above an interpreter that imported the same: idle, and at its first entry of many."""
    idle = resident(spool)
    lay(spool.build("amd64"), MANY)
    return [
        Figure("memory of an idle daemon above its imports", idle, "MiB", 5),
        Figure(f"the same with {MANY} entries waiting", resident(spool), "MiB", 30),
    ]


def resident(spool: Spool) -> float:
    argv = [sys.executable, "-c", MEMORY, str(ROOT), str(spool.site)]
    return int(subprocess.run(argv, input="", capture_output=True, text=True, check=True).stdout) / 1024


def crowd(spool: Spool) -> list[Figure]:
    """Many claimers of one queue: each entry exactly once, in order but for the claims in flight."""
    lay(spool.build("amd64"), CLAIMS)
    ours, theirs = processes.Pipe()
    with without_sync():
        claimers = [processes.Process(target=take_all, args=(spool.site, theirs)) for _ in range(CLAIMERS)]
        started = time.perf_counter()
        for claimer in claimers:
            claimer.start()
    taken = sorted(one for _ in claimers for one in read_all(ours))
    seconds = time.perf_counter() - started
    for claimer in claimers:
        claimer.join()
    stamps = [stamp for _, stamp in taken]
    wrong = len(stamps) - len(set(stamps)) + abs(CLAIMS - len(set(stamps)))
    return [
        Figure(f"{CLAIMERS} claimers, {CLAIMS} entries in {seconds:.1f} s: not exactly once", wrong, "", 0),
        Figure("their order: older entries overtaken at most", overtaken(stamps), "", CLAIMERS - 1),
    ]


def take_all(site: Path, pipe: Connection) -> None:
    queue, taken = Spool(site).build("amd64"), []
    while True:
        with queue.claim() as entry:
            if entry is not None:
                taken.append((time.monotonic(), entry.name.stamp))
                entry.settle(Done())
            elif not queue.contended:
                break
    with TURN:
        pipe.send(taken)


TURN = processes.Lock()


def read_all(pipe: Connection) -> list[tuple[float, int]]:
    found: list[tuple[float, int]] = pipe.recv()
    return found


def overtaken(stamps: list[int]) -> int:
    """Say how many older entries were still to be taken at the worst claim; stamps are 1, 2, 3, ..."""
    worst, taken, lowest = 0, set(), 1
    for count, stamp in enumerate(stamps, 1):
        taken.add(stamp)
        while lowest in taken:
            lowest += 1
        worst = max(worst, stamp - count)
    return worst


def overview(spool: Spool) -> list[Figure]:
    """What `debmill status` looks at."""
    lay(spool.build("amd64"), MANY)
    for number in range(1, 5001):
        name = EntryName(number, job("pkg", f"1.{number}", "amd64").upload)
        spool.review.where(Room.READY, name).mkdir()
    times = []
    for _ in range(5):
        started = time.perf_counter()
        look(spool, spool.clock())
        times.append(time.perf_counter() - started)
    return [Figure(f"overview, 5000 in review and {MANY} jobs", statistics.median(times), "s", 0.5)]


def idle() -> list[Figure]:
    """What all daemons of a site cost while nothing happens."""
    mill = Mill(place(f"bench-{os.getpid()}"))
    try:
        with tempfile.TemporaryDirectory(prefix="debmill-bench-") as log:
            mill("init", "--suite", "demo", "--arch", "amd64", "--arch", "i386", "--listen", "127.0.0.1:0")
            mill.start(Path(log) / "log")
            mill.wait("all daemons are idle", lambda: all(map(is_idle, mill.daemons().values())), 60)
            cost = idle_cost(mill, IDLE)
    finally:
        mill.stop()
        remove_site(mill.site)
    return [Figure(f"idle cost of the whole site, {IDLE} s", cost, "%", 0.5)]


MEASURES = (cycle, crowded, latency, memory, crowd, overview)

if __name__ == "__main__":
    sys.exit(main())
