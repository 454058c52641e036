"""`debmill report`: what has waited too long, and why."""

from __future__ import annotations

import click
import msgspec
from rich.table import Table
from rich.text import Text

from daemons.command.tables import console
from daemons.reporting import words
from daemons.reporting.report import make
from daemons.sites import Site, pass_site
from queues.clock import utc


@click.command()
@click.option("--days", type=click.IntRange(min=0), help="What counts as too long; else the setting report.days.")
@click.option("--suite", metavar="SUITE", help="Only this suite.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: cycles, lacking, waiting.")
@pass_site
def command(site: Site, days: int | None, suite: str | None, as_json: bool) -> None:
    """Show what has waited too long, and why.

    Uploads whose build dependencies wait for each other, however young; published sources without current binaries on
    an architecture; uploads that wait for a reviewer or at their gate, jobs in dep-wait, and what is held for a person.
    The same goes to the reviewers once a day, when there is anything to tell.
    """
    if suite is not None:
        site.suite(suite)
    found = make(site, utc(), site.settings.report.days if days is None else days, suite)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    for section in words.sections(found):
        console().print(table(section))
    if not found:
        click.echo(f"nothing waits since more than {found.days} days")


def table(section: words.Section) -> Table:
    """Lay out one section."""
    drawn = Table(*section.columns, title=section.title, title_justify="left")
    for row in section.rows:
        drawn.add_row(*map(Text, row))  # what people and builds said is no markup
    return drawn
