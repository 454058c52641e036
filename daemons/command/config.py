"""`debmill config`: the settings, as they are, as they may be, and whether they are right."""

from __future__ import annotations

import click
import msgspec
from rich.markup import escape
from rich.table import Table

from daemons import samples, settings
from daemons.command.tables import console
from daemons.notifying.templates import FACTS, Templates
from daemons.sites import Site, pass_site
from queues.values import Suite


@click.group()
def command() -> None:
    """Show, check or explain the settings."""


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_site
def show(site: Site, as_json: bool) -> None:
    """Print the settings in force, defaults included."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(site.settings)).decode())
    else:
        click.echo(samples.sample(dict(site.settings.suites), site.settings), nl=False)


@command.command()
def sample() -> None:
    """Print a configuration file with every setting, what it means, and its default."""
    click.echo(samples.sample({"stable": Suite("stable")}), nl=False)


@command.command()
@click.argument("event", required=False, type=click.Choice([*FACTS]))
@pass_site
def template(site: Site, event: str | None) -> None:
    """Print the mail template of an EVENT, to begin your own with; without EVENT, list them all.

    A template of your own is a file EVENT.txt in the site's directory `templates`: jinja2, whose first line is the
    subject. It knows what is listed, and notice.event, source, version, suite, upload and at. One that is broken is
    named here and by 'debmill doctor', and debmill's own is taken.

    \b
    debmill config template failed >/srv/mill/templates/failed.txt
    """  # noqa: D301 -- click reads the control character as "do not wrap"
    found = Templates(site.templates)
    if event is not None:
        click.echo(found.ours(event), nl=False)
        return
    wrong = {path.stem: said for path, said in found.problems()}
    table = Table("event", "its facts", "template")
    for name, facts in FACTS.items():
        path = site.templates / f"{name}.txt"
        table.add_row(
            name, " ".join(facts), escape(wrong.get(name) or (str(path) if path.exists() else "debmill's own"))
        )
    console().print(table)


@command.command()
@pass_site
def check(site: Site) -> None:
    """Check the configuration file; exit status 1 says what is wrong in it."""
    for suite in site.settings.suites.values():
        if suite.all_on and suite.all_on not in suite.architectures:
            raise settings.WrongSettings(f"suite {suite.name}: all_on is not one of its architectures")
    settings.address(site.settings.intake.listen)
    click.echo(f"{site.path / settings.FILE} is right: {len(site.settings.suites)} suite(s)")
