"""`debmill reviewer`: the small table of who may decide."""

from __future__ import annotations

import click
import msgspec
from rich.table import Table

from daemons.command.tables import console
from daemons.sites import Site, pass_site


@click.group()
def command() -> None:
    """Say who may accept and reject uploads."""


@command.command()
@click.argument("name")
@click.option("--mail", required=True, metavar="ADDRESS", help="Where notices go.")
@click.option("--suite", "suites", multiple=True, metavar="GLOB", help="Suites to decide for; default: all.")
@pass_site
def add(site: Site, name: str, mail: str, suites: tuple[str, ...]) -> None:
    """Register the reviewer NAME, or change what was registered."""
    reviewer = site.people.add_reviewer(name, mail, suites or ("*",))
    click.echo(f"{name} <{reviewer.mail}> may decide on uploads to {', '.join(reviewer.suites)}")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: name, mail, suites.")
@pass_site
def list_reviewers(site: Site, as_json: bool) -> None:
    """List the reviewers."""
    reviewers = site.people.reviewers()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(reviewers)).decode())
        return
    table = Table("reviewer", "mail", "suites")
    for one in reviewers:
        table.add_row(one.name, one.mail, ", ".join(one.suites))
    console().print(table if reviewers else "nobody may decide yet: 'debmill reviewer add NAME --mail ADDRESS'")


@command.command()
@click.argument("name")
@pass_site
def remove(site: Site, name: str) -> None:
    """Forget the reviewer NAME; what was decided stays decided."""
    site.people.remove_reviewer(name)
    click.echo(f"{name} is no longer a reviewer")
