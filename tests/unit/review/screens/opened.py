"""The tool over a site in one process, driven by keys; what is seen is plain text."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace
from textual.app import App
from textual.pilot import Pilot

from queues import atomic, envelope
from queues.values import Upload
from review.evidence import diffs, pages, papers
from review.evidence.comparing import Comparison
from review.evidence.tree import Node
from review.evidence.values import Difference, Evidence, Part
from review.person import Reviewer
from review.policy.values import Policy
from review.reasons import Reasons
from review.screens.held import Held
from review.screens.tool import Tool
from review.screens.work import Undo, Work
from tests.support.world import REVIEWER, START, Everybody, World
from tests.unit.review.evidence import QUIET

SIZE = (80, 24)
PATIENCE = 30  # seconds
PICTURES = Path(__file__).parent / "pictures"
DIFF = b"""\
diff -ruN old/debian/rules new/debian/rules
--- old/debian/rules
+++ new/debian/rules
@@ -1,2 +1,2 @@
 #!/usr/bin/make -f
-	dh $@
+	dh $@ --with python3
diff -ruN old/src/main.c new/src/main.c
--- old/src/main.c
+++ new/src/main.c
@@ -1,3 +1,4 @@
 int main(void) {
-  return 1;
+  puts("\x1b]0;owned\x07");
+  return 0;
 }
"""


class Anybody(Everybody):
    """Knows everybody as a reviewer."""

    def reviewer(self, name: str) -> Reviewer:
        return Reviewer(name, f"{name}@example.org")


def work_of(world: World, reviewer: str = REVIEWER, undo: Undo | None = None) -> Work:
    """Give a reviewer's work at a site, half a day after its begin, by a clock that stands."""

    def nothing(wanted: str, reason: str) -> list[Upload]:
        raise AssertionError(f"{wanted} was to be undone: {reason}")

    desk = replace(world.desk(), people=Anybody(world.site.keys), policies={"demo": Policy()})
    reasons = Reasons(world.site.templates / "reasons")
    return Work(desk, reviewer, undo or nothing, lambda: START + timedelta(hours=12, minutes=30), Held(desk), reasons)


def lay(world: World, one: Upload, evidence: Evidence = QUIET, diff: bytes = DIFF) -> None:
    """Lay evidence and a diff beside a case."""
    found = world.spool.review.find(one.key)
    assert found is not None
    path = world.spool.review.where(*found) / papers.DIRECTORY
    atomic.make(path)
    paths = [line.partition(b" new/")[2].decode() for line in diff.splitlines() if line.startswith(b"diff ")]
    trees = {name: Node("f", 0o644, number) for number, name in enumerate(paths)}
    with (path / pages.TEXT).open("wb") as packed:
        read = Comparison(trees, trees, [], packed).read(diffs.lines(io.BytesIO(diff)), whole=True)
    atomic.disk.create(path / pages.INDEX, envelope.encode(read.index))
    counts = {"packaging": Part(1, 1, 1), "upstream": Part(1, 2, 1)}
    difference = Difference(counts, {"changed": 2}, read.index.lines, whole=True, sha256=("", ""))  # type: ignore[arg-type]
    atomic.disk.create(path / papers.FACTS, envelope.encode(replace(evidence, difference=difference)))


def seen(app: App[None]) -> str:
    """Give the screen as text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def use(work: Work, steps: Callable[[Pilot[None]], Awaitable[None]], size: tuple[int, int] = SIZE) -> None:
    """Open the tool and do what is to be done in it."""

    async def session() -> None:
        async with Tool(work).run_test(size=size) as pilot:
            await pilot.pause()
            await steps(pilot)

    try:
        asyncio.run(session())
    finally:
        work.held.free()


def after(work: Work, *keys: str, size: tuple[int, int] = SIZE) -> str:
    """Open the tool, press keys, and give the screen."""
    found: list[str] = []

    async def steps(pilot: Pilot[None]) -> None:
        await press(pilot, *keys)
        found.append(seen(pilot.app))

    use(work, steps, size)
    return found[0]


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, each when the one before it was answered."""
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


async def until(pilot: Pilot[None], words: str) -> None:
    """Wait until words are on the screen."""
    deadline = time.monotonic() + PATIENCE
    while words not in seen(pilot.app):
        assert time.monotonic() < deadline, f"'{words}' does not come:\n{seen(pilot.app)}"
        await pilot.pause(0.02)


def same(name: str, picture: str) -> None:
    """Compare with the picture that is kept."""
    assert f"{picture}\n" == (PICTURES / f"{name}.txt").read_text()
