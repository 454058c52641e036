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
from daemons.building.store import Layer
from daemons.building.stores import Stores
from daemons.command import bases
from daemons.command.tables import console
from daemons.sites import Site
from queues import atomic
from queues.clock import utc

FEW = 4  # packages of a layer that are named in the table
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
@click.option("--json", "as_json", is_flag=True, help="Print JSON: of each base, and of each of its layers.")
@CACHE
def list_(as_json: bool, cache: Path | None) -> None:
    """Show the bases, the newest of each suite and architecture first, and the layers over them.

    A layer is what installing a set of build dependencies changed, or package lists; it is made when a build needs it.
    """
    where = bases.cache(cache)
    found, kept = base.listing(where), Stores(where, utc).listing()
    if as_json:
        rows = [_row(one) | {"layers": [_layer(layer) for layer in _over(one, kept)]} for one in found]
        click.echo(msgspec.json.format(msgspec.json.encode(rows, enc_hook=str)).decode())
        return
    table = Table("suite", "architecture", "digest", "made", "layers", "their size")
    for one in found:
        own = _over(one, kept)
        made = f"{one.made:%Y-%m-%d %H:%M} UTC"
        table.add_row(one.suite, one.architecture, one.digest, made, str(len(own)), _size_of(*own))
    if not found:
        table.add_row("none", "", "", "make one with 'debmill environment create'", "", "")
    console().print(table)
    if kept:
        console().print(_table(kept))


@command.command()
@CACHE
def sanitize(cache: Path | None) -> None:
    """Remove all layers that no environment uses, and prove that no base has changed since it was made.

    Nothing is lost by it: the next builds fetch package lists and install their dependencies anew. Exit status 1: a
    base has changed; remove it, and make a new one.
    """
    where = bases.cache(cache)
    for layer in Stores(where, utc).empty():
        click.echo(f"removed {layer.path}: {_size_of(layer)}")
    changed = []
    for one in base.listing(where):
        same = base.unchanged(one)
        click.echo(f"{one.path.name}: {'unchanged' if same else 'CHANGED since it was made'}")
        changed += [] if same else [one]
    if changed:
        one = changed[0]
        again = f"debmill environment create --again --suite {one.suite} --arch {one.architecture}"
        raise base.BaseFailed(f"{one.path}: not what it was when it was made; make a new one with '{again}'")


@command.command()
@click.argument("suite")
@click.argument("arch")
@CACHE
def remove(suite: str, arch: str, cache: Path | None) -> None:
    """Remove the bases of a suite and architecture that no environment uses, and the layers over them."""
    where = bases.cache(cache)
    site = bases.site()
    for one in base.listing(where):
        if (one.suite, one.architecture) == (bases.rules(site, suite).base, arch):
            base.remove(one)
            Stores(where, utc).forget(one.path.name)
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


def _over(one: Base, kept: list[Layer]) -> list[Layer]:
    return [layer for layer in kept if layer.about.base == one.path.name]


def _row(one: Base) -> dict[str, object]:
    return msgspec.structs.asdict(one) | {"made": one.made}


def _layer(layer: Layer) -> dict[str, object]:
    return {"path": layer.path, "what": layer.about.what, "size": layer.about.size, "used": layer.used}


def _table(kept: list[Layer]) -> Table:
    table = Table("layer", "size", "used last", "holds")
    for layer in kept:
        first, more = ", ".join(layer.about.what[:FEW]), len(layer.about.what) - FEW
        holds = f"{first} and {more} more" if more > 0 else first
        table.add_row(layer.key, _size_of(layer), f"{layer.used:%Y-%m-%d %H:%M} UTC", holds)
    return table


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


def _size_of(*layers: Layer) -> str:
    return f"{sum(layer.about.size for layer in layers) / 2**20:.1f} MiB"


def _size() -> dict[str, str]:
    size = shutil.get_terminal_size()
    return {"COLUMNS": str(size.columns), "LINES": str(size.lines)}
