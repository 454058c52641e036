"""What the demo shows: headings, what tools said, and the queues while they move.

On a terminal with rich, the queues as a live display; otherwise plain lines, one whenever something changed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

Status = dict[str, Any]  # what `debmill status --json` prints
WIDTH = 120  # columns where there is no terminal
PERIOD = 0.5  # seconds between two looks at the queues


class Screen:
    """A terminal, or a file of plain lines."""

    def __init__(self, *, plain: bool) -> None:
        width = None if sys.stdout.isatty() else WIDTH
        self.console = Console(highlight=False, soft_wrap=True, no_color=plain or None, width=width)
        self.live = self.console.is_terminal and not plain

    def heading(self, number: int, title: str) -> None:
        """Begin a step."""
        self.console.print(Text(f"\n{number}. {title}", style="bold"))

    def say(self, text: str) -> None:
        """Say what is done."""
        self.console.print(Text(f"   {text}"))

    def quote(self, text: str, last: int = 12) -> None:
        """Show the last lines of what a tool said."""
        for line in text.strip().splitlines()[-last:]:
            self.console.print(Text(f"   | {line}", style="dim"))

    def held(self, text: str) -> None:
        """Say that a step's check held."""
        self.console.print(Text(f"   ok: {text}", style="green"))

    def failed(self, text: str) -> None:
        """Say what did not hold."""
        self.console.print(Text(f"   FAILED: {text}", style="bold red"))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Show a table; numbers stand at the right."""
        table = Table(box=SIMPLE)
        for number, column in enumerate(columns):
            table.add_column(column, justify="left" if number < 2 else "right", no_wrap=number == 0)
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def watch(self, status: Callable[[], Status], over: Callable[[], bool], seconds: float) -> bool:
        """Show the queues until it is over, and say whether it was over in time."""
        deadline = time.monotonic() + seconds
        if self.live:
            with Live(picture(status()), console=self.console, transient=True) as live:
                return _follow(status, over, deadline, lambda seen: live.update(picture(seen)))
        shown = ""

        def show(seen: Status) -> None:
            nonlocal shown
            if (line := summary(seen)) != shown:
                self.say(f"{time.strftime('%H:%M:%S')}  {line}")
                shown = line

        return _follow(status, over, deadline, show)


def _follow(
    status: Callable[[], Status], over: Callable[[], bool], deadline: float, show: Callable[[Status], None]
) -> bool:
    while time.monotonic() < deadline:
        show(status())
        if over():
            return True
        time.sleep(PERIOD)
    return False


def summary(status: Status) -> str:
    """Put the queues and the busy daemons on one line; history is left out."""
    rooms = [f"{one['queue']}/{one['room']} {one['entries']}" for one in moving(status)]
    busy = [f"{one['name']}: {short(one['entry'])}" for one in status["daemons"] if one["state"] == "working"]
    return "; ".join([" ".join(rooms) or "queues empty", *busy])


def picture(status: Status) -> Table:
    """Lay queues and daemons side by side."""
    queues = Table("queue", "room", "entries", "oldest")
    for one in moving(status):
        queues.add_row(one["queue"], one["room"], str(one["entries"]), f"{one['oldest_seconds']:.0f} s")
    daemons = Table("daemon", "state", "works on")
    for one in status["daemons"]:
        daemons.add_row(one["name"], one["state"], short(one["entry"]))
    both = Table.grid(padding=(0, 2))
    both.add_row(queues, daemons)
    return both


def moving(status: Status) -> list[dict[str, Any]]:
    """List the rooms that hold something on its way."""
    return [one for one in status["queues"] if one["entries"] and one["room"] not in ("done", "failed", "rejected")]


def short(entry: str) -> str:
    """Write an entry's name without its stamp and digest."""
    key = entry.partition(".")[2]
    whole, _, rest = key.rpartition("~")
    return " ".join(filter(None, (whole or key, rest.partition("_")[2])))
