"""The figures of the review: what evidence, policy and a long diff cost.

usage: tests/run bench, or python tests/bench/review.py [--json] with the Python in which debmill is installed

Evidence is gathered for an update of a made-up source of 10 MB packed, unpacked four times as large, by the evidence
daemon's own code in a real sandbox. The seconds are those of the machine, so other work on it lengthens them. The exit
status is 0 only if every target was met.
"""

from __future__ import annotations

import io
import os
import random
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # this file's own directory would hide the package of its name

from msgspec.structs import replace  # noqa: E402 -- after the path is right

from daemons import account  # noqa: E402
from queues import atomic, envelope, history  # noqa: E402
from queues.history import Event  # noqa: E402
from queues.layout import Spool  # noqa: E402
from queues.names import EntryName  # noqa: E402
from queues.rooms import Room  # noqa: E402
from review import cases  # noqa: E402
from review.evidence import diffs, pages, papers  # noqa: E402
from review.evidence.comparing import Comparison  # noqa: E402
from review.evidence.pages import Reader  # noqa: E402
from review.evidence.tree import Node  # noqa: E402
from review.evidence.values import Sign  # noqa: E402
from review.policy import judging  # noqa: E402
from review.policy.values import Policy  # noqa: E402
from tests.support.account import room  # noqa: E402
from tests.support.desk import Waiting, native  # noqa: E402
from tests.support.entries import spool_at, upload  # noqa: E402
from tests.support.figures import Figure, printed  # noqa: E402
from tests.unit.review.evidence import QUIET  # noqa: E402

FILES, LINES = 1250, 500  # of the made-up source
CHANGED = 100
LONG = 200_000  # lines of a diff
WAITING = 5000
ROUNDS = 5


def main() -> int:
    """Measure everything, print the table, and say by the status whether all targets were met."""
    account.give_up_root()
    with room() as work:
        return printed(figure for measure in MEASURES for figure in measure(work))


def gathering(work: Path) -> Iterator[Figure]:
    """Evidence of an update, with the memory of the process that gathers and of the largest it started."""
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    measured(lambda: made(waiting))  # elsewhere: its texts would count as memory of what follows
    dsc = waiting.path / "1.1/pkg_1.1.dsc"
    packed = sum(path.stat().st_size for path in dsc.parent.iterdir())
    sys.stderr.write(f"the source has {packed / 1e6:.1f} MB packed\n")
    times, spent, memory = [], [], 0.0
    for _ in range(ROUNDS):
        one = waiting.send(dsc, "1.1")
        took, cpu, used = measured(waiting.look)
        found = papers.read(waiting.entry(one))
        assert found is not None
        assert found.difference is not None
        assert found.difference.files == {"changed": CHANGED + 1}
        shutil.rmtree(waiting.entry(one))
        times.append(took)
        spent.append(cpu)
        memory = max(memory, used)
    yield Figure(
        f"evidence of an update of {packed / 1e6:.0f} MB, median of {ROUNDS}", statistics.median(times), "s", 3
    )
    yield Figure("processor time of that, in the sandbox and around it", statistics.median(spent), "s", 3)
    yield Figure("memory of its process, and of the largest it started, together", memory, "MiB", 150)


def made(waiting: Waiting) -> None:
    """Make up two versions of a source, and publish the first."""
    lines = random.Random(1)
    files = {f"src/{number // 50}/{number}.c": code(lines) for number in range(FILES)}
    files["debian/copyright"] = rights()
    waiting.publish(native(waiting.path, "1.0", files))
    files.update((name, text.replace("return", "continue", 30)) for name, text in [*files.items()][:CHANGED])
    native(waiting.path, "1.1", files)


def rights() -> str:
    """Make up a debian/copyright: a licence for each folder of the source, and one for the rest."""
    folders = range(FILES // 50)
    stanzas = [
        "Files: *\nLicense: GPL-2+\n",
        *(f"Files: src/{number}/*.c\nLicense: X-{number}\n" for number in folders),
    ]
    return "\n".join(["Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n", *stanzas])


def code(chance: random.Random) -> str:
    """Make up a file that is packed about as well as C is."""
    words = [f"{chance.getrandbits(32):x}" for _ in range(400)]
    return "\n".join(f"  return {' '.join(chance.choices(words, k=6))};" for _ in range(LINES)) + "\n"


def measured(work: Callable[[], object]) -> tuple[float, float, float]:
    """Run in a process of its own, and give its seconds, those of processors, and MiB; of what it starts, too."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        started = time.perf_counter()
        work()
        took = time.perf_counter() - started
        used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu, memory = (
            sum(map(sum, ((one.ru_utime, one.ru_stime) for one in used))),
            sum(one.ru_maxrss for one in used),
        )
        os.write(writing, f"{took} {cpu} {memory / 1024}".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        took, cpu, used_most = map(float, answer.read().split())
    assert os.waitpid(child, 0)[1] == 0
    return took, cpu, used_most


def policy(_: Path) -> Iterator[Figure]:
    """All rules over evidence in which there is a lot to find."""
    signs = tuple(Sign("patch", f"debian/patches/{number}", "added", number) for number in range(400))
    grave = replace(QUIET, signs=signs, what=replace(QUIET.what, published="", added=("a",) * 50))
    times = []
    for _ in range(200):
        started = time.perf_counter()
        judging.judge(grave, Policy())
        times.append(time.perf_counter() - started)
    yield Figure("policy of one upload with 400 signs, the median of 200", statistics.median(times) * 1e3, "ms", 5)


def paged(into: Path) -> None:
    """Make a long diff into pages."""
    hunk = b"@@ -1,1000 +1,1000 @@\n" + b"-an old line of code();\n+a new line of code();\n" * 1000
    parts = (
        b"diff -ruN old/%d.c new/%d.c\n--- old/%d.c\n+++ new/%d.c\n" % ((n,) * 4) + hunk for n in range(LONG // 2000)
    )
    text = b"".join(parts)
    trees = {f"{number}.c": Node("f", 0o644, number) for number in range(LONG // 2000)}

    with (into / pages.TEXT).open("wb") as packed:
        found = Comparison(trees, trees, [], packed).read(diffs.lines(io.BytesIO(text)), whole=True)
    atomic.disk.create(into / pages.INDEX, envelope.encode(found.index))


def long_diff(work: Path) -> Iterator[Figure]:
    """A long diff: made into pages once, opened, and read from anywhere."""
    yield Figure(f"a diff of {LONG} lines made into pages", measured(lambda: paged(work))[0], "s", 3)
    chance = random.Random(1)

    def scroll() -> None:
        reader = Reader(work)
        for _ in range(200):
            assert len(reader.lines(chance.randrange(LONG - 50), 50)) == 50

    took, _, memory = measured(scroll)
    yield Figure("the same opened, and 50 lines read anywhere, 200 times; each", took / 200 * 1e3, "ms", 20)
    yield Figure("memory of that", memory, "MiB", 200)


def crowded(site: Path) -> Spool:
    """Make a crowded desk: entries as intake puts them, but none of them waits for the disk."""
    site.mkdir()
    spool = spool_at(site)
    facts, first = envelope.encode(QUIET), spool.review.stamp(spool.clock())
    for number in range(WAITING):
        one = upload("pkg", f"1.{number}")
        path = spool.review.where(Room.READY, EntryName(first + number, one.key))
        (path / papers.DIRECTORY).mkdir(parents=True)
        (path / papers.DIRECTORY / papers.FACTS).write_bytes(facts)
        taken = Event(spool.clock(), "taken", {"by": one.uploader})
        (path / history.FILE).write_bytes(envelope.encode(one) + taken.line())
    return spool


def listing(work: Path) -> Iterator[Figure]:
    """All cases of a crowded desk with their marks, as `debmill review list` shows them."""
    spool = crowded(work / "crowd")
    times = []
    for _ in range(3):
        started = time.perf_counter()
        for case in cases.waiting(spool):
            found = papers.read(case.path)
            assert found is not None
            judging.judge(found, Policy())
        times.append(time.perf_counter() - started)
    yield Figure(f"{WAITING} waiting uploads listed, each with its mark", min(times), "s", 2)


MEASURES = (gathering, policy, long_diff, listing)

if __name__ == "__main__":
    sys.exit(main())
