"""The list of what waits. It follows what happens: arrivals wake it, and a look now and then finds everything else."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Input, Static

from queues.names import Key
from queues.rooms import Room
from queues.watching import Wakeup
from review.screens.case import CaseScreen
from review.screens.crowd import Crowd, Facts, Row, heading, line
from review.screens.deciding import Deciding
from review.screens.lines import Line
from review.screens.roll import Roll
from review.screens.work import Work

TICK, SHORTEST = 5.0, 0.25  # seconds between two looks, at most and at least
AT_ONCE = 100  # cases that are read before the screen hears of them
STYLES = {"red": "red", "amber": "yellow"}
KEYS = "Enter open  a accept  r reject  h hold  n note  m ask  / filter  ? help  q quit"
ROOMS = (Room.READY, Room.ACTIVE, Room.HOLD, Room.REJECTED)


class Table:
    """The cases as rows of text."""

    def __init__(self, crowd: Crowd, marked: set[Key], width: int, now: datetime) -> None:
        self._crowd, self._marked, self._width, self._now = crowd, marked, width, now

    def __len__(self) -> int:
        return len(self._crowd.rows)

    def row(self, number: int) -> Line:
        """Give a row; its case is read the first time."""
        row = self._crowd.rows[number]
        facts = self._crowd.facts(row)
        text = line(row, facts, self._width, self._now, marked=row.key in self._marked)
        return Line(text, STYLES.get(facts.mark, ""))

    def find(self, words: str, row: int, step: int) -> int | None:  # noqa: ARG002 -- the list is filtered instead
        """Find nothing."""
        return None


class Waiting(Deciding):
    """The list."""

    DEFAULT_CSS = "Waiting Input { display: none; } Waiting Static { height: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("space", "mark"),
        ("slash", "filter"),
        ("escape", "show_all"),
        ("q", "app.quit"),
    ]

    class Arrived(Message):
        """Something came or went, or it is time to look."""

    class Learned(Message):
        """Some cases were read."""

        def __init__(self, found: Mapping[Row, Facts]) -> None:
            super().__init__()
            self.found = found

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.crowd = Crowd(work)
        self.marked: set[Key] = set()
        self._wakeup = Wakeup()
        self._over = False
        self._drawn: list[Line] = []

    def compose(self) -> ComposeResult:
        """Lay out title, heading, list, filter, last row."""
        yield Static("", id="title", markup=False)
        yield Static("", id="heading", markup=False)
        yield Roll()
        yield Input(placeholder="words that must stand in it", compact=True)
        yield Static(KEYS, id="said", markup=False)

    def on_mount(self) -> None:
        """Show what waits by its names, and read the rest while that is looked at."""
        self.set_focus(self.query_one(Roll))
        self.look()
        self.run_worker(self._follow, thread=True)
        self.call_after_refresh(lambda: self.run_worker(self._read, thread=True, group="reading"))

    def on_unmount(self) -> None:
        """Let the threads end."""
        self._over = True
        self._wakeup.ring()

    # --- what is there -------------------------------------------------------------------------------------------

    def look(self, step: int = 0) -> None:
        """See what waits; the cursor stays with its case, or goes on from there."""
        roll, before = self.query_one(Roll), self.here()
        self.crowd.look()
        self.marked &= {row.key for row in self.crowd.all}
        keys = [row.key for row in self.crowd.rows]
        at = keys.index(before.key) if before and before.key in keys else roll.cursor
        self._draw(at + step)

    def here(self) -> Row | None:
        """Give the case under the cursor."""
        rows, cursor = self.crowd.rows, self.query_one(Roll).cursor
        return rows[cursor] if cursor < len(rows) else None

    def _draw(self, cursor: int) -> None:
        roll = self.query_one(Roll)
        width = self.app.size.width
        table = Table(self.crowd, self.marked, width, self.work.clock())
        roll.lines = table
        self.query_one("#heading", Static).update(heading(width))
        self._tell()
        seen = range(roll.top, min(len(table), roll.top + max(1, roll.size.height)))
        drawn, self._drawn = self._drawn, [table.row(number) for number in seen]
        if drawn != self._drawn or cursor != roll.cursor:
            roll.put(cursor, anew=True)

    def _tell(self) -> None:
        crowd = self.crowd
        some = f"{len(crowd.rows)} of {len(crowd.all)}" if crowd.filter else str(len(crowd.all))
        marks = f"  {len(self.marked)} marked" if self.marked else ""
        title = f"debmill review  {self.work.reviewer}  {some} waiting  {crowd.marks()}{marks}"
        self.query_one("#title", Static).update(title)

    def _follow(self) -> None:
        """Run in a thread: wake the screen when something arrived, and now and then."""
        review = self.work.spool.review
        with self._wakeup.watching([*map(review.room, ROOMS), self.work.spool.master.room(Room.READY)]):
            while not self._over:
                self._wakeup.wait(TICK)
                if not self._over:
                    self.post_message(self.Arrived())
                    time.sleep(SHORTEST)

    def _read(self) -> None:
        """Run in a thread: read every case once."""
        unread = self.crowd.unread()
        for first in range(0, len(unread), AT_ONCE):
            if self._over:
                return
            self.post_message(self.Learned({row: self.crowd.read(row) for row in unread[first : first + AT_ONCE]}))

    @on(Arrived)
    def _arrived(self) -> None:
        roll = self.query_one(Roll)
        seen = self.crowd.rows[roll.top : roll.top + roll.size.height]
        changing = [row for row in seen if row.room is Room.ACTIVE or not self.crowd.facts(row).mark]
        self.crowd.learn({row: self.crowd.read(row) for row in changing})
        self.look()

    @on(Learned)
    def _learned(self, message: Learned) -> None:
        self.crowd.learn(message.found)
        self._draw(self.query_one(Roll).cursor)

    def on_resize(self) -> None:
        """Draw it as wide as the screen is now."""
        self._draw(self.query_one(Roll).cursor)

    # --- keys ----------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Ask for the words of the filter."""
        field = self.query_one(Input)
        field.display = True
        self.set_focus(field)  # at once: what is typed next is for it

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        self.crowd.choose(message.value)
        self._draw(0)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.query_one(Input).display = bool(self.crowd.filter)
        self.set_focus(self.query_one(Roll))

    def action_show_all(self) -> None:
        """End the filter."""
        self.query_one(Input).value = ""
        self._entered()

    def action_mark(self) -> None:
        """Mark a case, or not, and go on."""
        row = self.here()
        if row is not None:
            self.marked ^= {row.key}
            self._draw(min(self.query_one(Roll).cursor + 1, len(self.crowd.rows) - 1))

    @on(Roll.Chosen)
    def _open(self) -> None:
        row = self.here()
        if row is not None:
            self.app.push_screen(CaseScreen(self.work, row, self.accepted), self._left)

    def _left(self, step: int | None) -> None:
        """Go on as the case was left: 0 back here, else to the next or the previous one."""
        self.look(step or 0)
        if step:
            self._open()

    # --- decisions -----------------------------------------------------------------------------------------------

    def chosen(self) -> Sequence[Row]:
        """Give the marked cases, else the one under the cursor."""
        here = self.here()
        marked = [row for row in self.crowd.all if row.key in self.marked]
        return marked or ([here] if here else [])

    def after(self, said: str, *, gone: bool) -> None:
        """Show what waits now."""
        if gone:
            self.marked.clear()
        self.look()
        self.say(said)
