"""`debmill status`: the queues and the daemons at this moment, or from moment to moment."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

import click
import msgspec
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from daemons.command.tables import console
from daemons.sites import Site, pass_site
from daemons.telling.overview import Overview, age, look, recent
from daemons.telling.watch import overviews
from queues.names import is_entry, taken_apart
from queues.rooms import Room

OVER = (Room.DONE, Room.FAILED, Room.REJECTED)
QUIET = ("idle", "running")
LINES = 8  # of the journal
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
SHOWN = 10  # strangers


@click.command()
@click.option("--watch", is_flag=True, help="Go on showing it until Ctrl-C; where no terminal is, a line per change.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: queues (queue, room, entries, age) and daemons.")
@click.option("--all", "every", is_flag=True, help="Show empty rooms, too.")
@pass_site
def command(site: Site, watch: bool, as_json: bool, every: bool) -> None:
    """Show how many entries each room of each queue holds, the oldest's age, and what each daemon does.

    With --watch the picture follows what happens, with the last lines of the journal below it. --watch --json prints an
    object a line, the first at once and then one whenever more than ages has changed.

    Exit status 1: a daemon waits for the machine or keeps dying, or the disk has no room.
    """
    if watch:
        _watch(site, as_json=as_json, every=every)
        return
    overview = look(site.spool, site.spool.clock(), site.settings.intake.free_space)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(overview)).decode())
    else:
        console().print(queues_table(overview, every=every))
        console().print(daemons_table(overview))
        for line in remarks(overview):
            click.echo(line)
    if not overview.well:
        sys.exit(1)


def remarks(overview: Overview) -> list[str]:
    """Say what is wrong, and what lies in the rooms that is no entry."""
    full = [f"the disk of {overview.site} {overview.disk}"] if overview.disk else []
    more = len(overview.strangers) - SHOWN
    left = [f"no entry, and left alone: {path}" for path in overview.strangers[:SHOWN]]
    return [*full, *left, *([f"and {more} more of these"] if more > 0 else [])]


def _watch(site: Site, *, as_json: bool, every: bool) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the terminal is to be left as it was
    screen, views = console(), overviews(site.spool)
    with suppress(KeyboardInterrupt):
        if as_json or not screen.is_terminal:
            for overview in changes(views):
                click.echo(msgspec.json.encode(overview) if as_json else summary(overview))
            return
        with Live(console=screen, screen=True, auto_refresh=False) as live:
            for overview in views:
                journal = journal_table(site.spool.journal.path)
                picture = Group(queues_table(overview, every=every), daemons_table(overview), journal)
                live.update(picture, refresh=True)


def changes(views: Iterable[Overview]) -> Iterator[Overview]:
    """Leave out what differs from the one before in nothing but ages."""
    before = None
    for overview in views:
        counts = [(one.queue, one.room, one.entries) for one in overview.queues]
        if (shown := (counts, overview.daemons)) != before:
            before = shown
            yield overview


def summary(overview: Overview) -> str:
    """Put what is under way, and who works on what, on one line."""
    rooms = [f"{one.queue}/{one.room} {one.entries}" for one in overview.queues if one.entries and one.room not in OVER]
    busy = [f"{one.name}: {_short(one.entry) or one.state}" for one in overview.daemons if one.state not in QUIET]
    return "; ".join([f"{overview.at:%H:%M:%S} UTC  {' '.join(rooms) or 'queues empty'}", *busy])


def queues_table(overview: Overview, *, every: bool = False) -> Table:
    """Lay out the rooms that hold something."""
    table = Table("queue", "room", "entries", "oldest", title=f"queues of {overview.site}", title_justify="left")
    for count in overview.queues:
        if count.entries or every:
            table.add_row(count.queue, count.room, str(count.entries), age(count.oldest_seconds))
    if not table.row_count:
        table.add_row("all", "", "0", "")
    return table


def daemons_table(overview: Overview) -> Table:
    """Lay out what the daemons do."""
    table = Table("daemon", "state", "since", "works on", title="daemons", title_justify="left")
    for state in overview.daemons:
        since = age((overview.at - state.since).total_seconds())
        table.add_row(state.name, state.state, since, _text(_short(state.entry) or state.detail))
    if not table.row_count:
        table.add_row("none ran yet", "", "", "start them with 'debmill run'")
    return table


def journal_table(journal: str) -> Table:
    """Lay out the last lines of the journal, one line each."""
    table = Table(
        "at", "entry", "what", "to", "because", title="journal", title_justify="left", box=None, pad_edge=False
    )
    for column in table.columns[1:]:
        column.no_wrap = True
    for one in recent(journal, LINES):
        why = "  ".join(f"{name}: {value}" for name, value in one.facts.items())
        table.add_row(f"{one.at:%H:%M:%S}", *map(_text, (_short(one.entry), one.action, one.to, why)))
    return table


def _text(said: str) -> Text:
    """Make what people said fit for a terminal: no markup, no control characters."""
    return Text(CONTROL.sub(" ", said))


def _short(entry: str) -> str:
    """Leave out the stamp of an entry's name; what is none stays as it is."""
    return taken_apart(entry).key if is_entry(entry) else entry
