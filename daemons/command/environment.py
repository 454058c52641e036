"""`debmill environment`: makes, lists and removes the bases of clean environments, and opens a shell in a fresh one.

A site is not needed; where there is one, its `environments/SUITE-ARCH` are made to point to the bases.
"""

from __future__ import annotations

import os
import pty
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from rich.table import Table

from daemons.building import base, entering
from daemons.building.base import Base
from daemons.building.overlay import Overlay
from daemons.command import bases
from daemons.command.tables import console
from daemons.sites import Site
from queues import atomic

CACHE = click.option(
    "--cache", type=click.Path(path_type=Path), metavar="DIR", help="Where bases are kept; else the account's cache."
)


@click.group()
def command() -> None:
    """Make and look into clean build environments.

    An environment is a fresh root over a base; a base is an unpacked Debian system for one suite and architecture.
    """


@command.command()
@click.option("--suite", metavar="SUITE", help="A Debian suite, or one of the site's; else all the site builds for.")
@click.option("--arch", "architectures", multiple=True, metavar="ARCH", help="An architecture; may be repeated.")
@click.option("--again", is_flag=True, help="Make a new base although there is one.")
@CACHE
def create(suite: str | None, architectures: tuple[str, ...], again: bool, cache: Path | None) -> None:
    """Make the bases that are missing, from the mirror that this machine's apt uses.

    Without --suite: what the site's suites need, else bookworm for this machine's own architecture.
    """
    where = bases.cache(cache)
    site = bases.site()
    for name, architecture in _wanted(site, suite, architectures):
        found = None if again else base.find(where, name, architecture)
        if found is None:
            click.echo(f"{name} {architecture}: making a base; this takes a minute")
            found = base.create(where, name, architecture, lambda line: click.echo(f"  {line}"))
        if site is not None:
            _link(site, found)
        click.echo(f"{name} {architecture}: {found.path}")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: suite, architecture, digest, made, path.")
@CACHE
def list_(as_json: bool, cache: Path | None) -> None:
    """Show the bases, the newest of each suite and architecture first."""
    found = base.listing(bases.cache(cache))
    if as_json:
        rows = [msgspec.structs.asdict(one) | {"made": one.made} for one in found]
        click.echo(msgspec.json.format(msgspec.json.encode(rows, enc_hook=str)).decode())
        return
    table = Table("suite", "architecture", "digest", "made")
    for one in found:
        table.add_row(one.suite, one.architecture, one.digest, f"{one.made:%Y-%m-%d %H:%M} UTC")
    if not found:
        table.add_row("none", "", "", "make one with 'debmill environment create'")
    console().print(table)


@command.command()
@click.argument("suite")
@click.argument("arch")
@CACHE
def remove(suite: str, arch: str, cache: Path | None) -> None:
    """Remove the bases of a suite and architecture that no environment uses."""
    where = bases.cache(cache)
    site = bases.site()
    for one in base.listing(where):
        if (one.suite, one.architecture) == (bases.rules(site, suite).base, arch):
            base.remove(one)
            click.echo(f"removed {one.path}")


@command.command()
@click.argument("suite")
@click.argument("arch")
@click.option("--user", "as_user", is_flag=True, help="As the user who builds, without network, instead of root.")
@CACHE
def shell(suite: str, arch: str, as_user: bool, cache: Path | None) -> None:
    """Open a shell in a fresh environment; all that is done in it is gone when it ends."""
    where = bases.cache(cache)
    found = bases.base(where, bases.rules(bases.site(), suite).base, arch)
    with Overlay(found) as environment:
        variables = {**entering.INSIDE, "TERM": os.environ.get("TERM", "dumb"), **_size()}
        argv = environment.shell(root=not as_user)
        status = pty.spawn(["env", "-i", *(f"{name}={value}" for name, value in variables.items()), *argv])
    sys.exit(os.waitstatus_to_exitcode(status))


def _wanted(site: Site | None, suite: str | None, architectures: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    known = site.settings.suites if site else {}
    suites = [known[suite]] if suite in known else [] if suite else list(known.values())
    if suites:
        pairs = [(one.base, name) for one in suites for name in architectures or one.architectures]
    else:
        pairs = [(suite or bases.SUITE, name) for name in architectures or (bases.native(),)]
    yield from dict.fromkeys(pairs)


def _link(site: Site, found: Base) -> None:
    atomic.make(site.environments)
    atomic.point(site.environments / f"{found.suite}-{found.architecture}", str(found.path))


def _size() -> dict[str, str]:
    size = shutil.get_terminal_size()
    return {"COLUMNS": str(size.columns), "LINES": str(size.lines)}
