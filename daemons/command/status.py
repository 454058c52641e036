"""`debmill status`: the queues and the daemons at this moment."""

from __future__ import annotations

import click
import msgspec
from rich.table import Table

from daemons.command.tables import console
from daemons.overview import Overview, look
from daemons.sites import Site, pass_site
from queues.clock import utc


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON: queues (queue, room, entries, age) and daemons.")
@click.option("--all", "every", is_flag=True, help="Show empty rooms, too.")
@pass_site
def command(site: Site, as_json: bool, every: bool) -> None:
    """Show how many entries each room of each queue holds, the oldest's age, and what each daemon does."""
    overview = look(site.spool, utc())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(overview)).decode())
    else:
        console().print(queues_table(overview, every=every))
        console().print(daemons_table(overview))


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
        table.add_row(state.name, state.state, since, state.entry.partition(".")[2] or state.detail)
    if not table.row_count:
        table.add_row("none ran yet", "", "", "start them with 'debmill run'")
    return table


def age(seconds: float | None) -> str:
    """Write a duration for a person: its two largest units."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
