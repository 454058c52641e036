"""The figures of the full-screen tool: opened over a crowded desk, a case, a long diff.

usage: tests/run bench, or python tests/bench/screens.py [--json] with the Python in which debmill is installed

The tool draws for a terminal of 80 columns and 24 rows that is not there. Each round is a process of its own. The
seconds are those of the machine, so other work on it lengthens them; the processor's are given beside them. The exit
status is 0 only if every target was met.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # this file's own directory would hide the package of its name

from daemons import account  # noqa: E402
from queues.rooms import Room  # noqa: E402
from review.desk import Desk  # noqa: E402
from review.evidence import papers  # noqa: E402
from review.people import People  # noqa: E402
from review.reasons import Reasons  # noqa: E402
from tests.bench.review import LONG, WAITING, crowded, measured, paged  # noqa: E402
from tests.support.account import room  # noqa: E402
from tests.support.entries import spool_at  # noqa: E402
from tests.support.figures import Figure, printed  # noqa: E402

ROUNDS = 5
PATIENCE = 30  # seconds
TARGETS = {
    "list": (f"opened with {WAITING} waiting uploads, beyond the imports", 0.5),
    "imports": ("its imports", 0.5),
    "case": ("a case opened", 0.1),
    "diff": (f"its diff of {LONG} lines shown", 0.1),
    "end": ("the end of that diff shown", 0.1),
    "search": ("searched from begin to end for what is not there", 2),
}


def main() -> int:
    """Measure, print the table, and say by the status whether all targets were met."""
    account.give_up_root()
    with room() as work:
        return printed(figures(work))


def figures(work: Path) -> Iterator[Figure]:
    """Use the tool in some processes, one after the other."""
    site = work / "crowd"
    spool = crowded(site)
    People(site / "keys").add_reviewer("rita", "rita@example.org")
    paged(spool.review.where(Room.READY, spool.review.names(Room.READY)[0]) / papers.DIRECTORY)
    rounds, memory = [], 0.0
    for _ in range(ROUNDS):
        _, _, used = measured(lambda: (work / "times").write_text(json.dumps(opened(site))))
        rounds.append(json.loads((work / "times").read_text()))
        memory = max(memory, used)
    for name, (what, target) in TARGETS.items():
        yield Figure(f"{what}, median of {ROUNDS}", statistics.median(one[name][0] for one in rounds), "s", target)
        yield Figure("  processor time of that", statistics.median(one[name][1] for one in rounds), "s", target)
    yield Figure("memory of the tool in the end", memory, "MiB", 200)


def opened(site: Path) -> dict[str, tuple[float, float]]:
    """Use the tool as a reviewer does; gives seconds and processor seconds of each step."""
    times: dict[str, tuple[float, float]] = {}
    begun = (time.perf_counter(), time.process_time())

    def done(step: str) -> None:
        nonlocal begun
        now = (time.perf_counter(), time.process_time())
        times[step] = (now[0] - begun[0], now[1] - begun[1])
        begun = (time.perf_counter(), time.process_time())

    from textual import events

    from review.screens.held import Held
    from review.screens.tool import Tool
    from review.screens.work import Work

    done("imports")

    async def session() -> None:
        spool = spool_at(site)
        desk = Desk(spool, People(site / "keys"), {})
        held = Held(desk)
        tool = Tool(Work(desk, "rita", lambda *_: 1 / 0, spool.clock, held, Reasons(site)))  # type: ignore[arg-type, return-value]

        async def shown(words: str) -> None:
            deadline = time.monotonic() + PATIENCE
            while words not in (seen := "\n".join(s.text for s in tool.screen._compositor.render_strips())):
                assert time.monotonic() < deadline, f"'{words}' does not come:\n{seen}"
                await asyncio.sleep(0.001)

        async with tool.run_test(size=(80, 24)):
            await shown("pkg_1.0")
            done("list")
            while tool.screen.crowd.unread():  # type: ignore[attr-defined]
                await asyncio.sleep(0.01)
            for step, keys, words in STEPS:
                done("")
                for key in keys:
                    tool.post_message(events.Key(key, key if len(key) == 1 else None))
                await shown(words)
                done(step)
        held.free()

    asyncio.run(session())
    return times


STEPS = (
    ("case", ["enter"], "pkg 1.0 for demo"),
    ("diff", ["3"], "+++ new/0.c"),
    ("end", ["G"], f"{LONG + LONG // 2000 * 4}/"),
    ("", ["g"], "1/"),
    ("search", ["slash", *"xyzzy", "enter"], "is not found"),
)

if __name__ == "__main__":
    sys.exit(main())
