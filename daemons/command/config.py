"""`debmill config`: the settings, as they are, as they may be, and whether they are right."""

from __future__ import annotations

import click
import msgspec

from daemons import samples, settings
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
@pass_site
def check(site: Site) -> None:
    """Check the configuration file; exit status 1 says what is wrong in it."""
    for suite in site.settings.suites.values():
        if suite.all_on and suite.all_on not in suite.architectures:
            raise settings.WrongSettings(f"suite {suite.name}: all_on is not one of its architectures")
    settings.address(site.settings.intake.listen)
    click.echo(f"{site.path / settings.FILE} is right: {len(site.settings.suites)} suite(s)")
