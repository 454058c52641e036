"""`debmill environment create`, `refresh`, `sanitize` and `remove`: the bases that environments are laid over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click

from daemons.building.bases import base
from daemons.building.bases.base import Base, BaseInUse
from daemons.building.byhand.holding import Holding
from daemons.building.layers.stores import Stores
from daemons.building.roots import ahead
from daemons.command import bases
from daemons.command.environment.listing import size_of
from daemons.sites import Site
from queues import atomic
from queues.clock import utc
from queues.problem import Problem

SUITE = click.option("--suite", metavar="SUITE", help="A Debian suite, or one of the site's; else all of the site's.")
ARCH = click.option("--arch", "architectures", multiple=True, metavar="ARCH", help="An architecture; may be repeated.")


class NotRefreshed(Problem):
    """Bases that could not be made anew; the old ones are still there."""


@click.command()
@SUITE
@ARCH
@click.option("--again", is_flag=True, help="Make a new base although there is one.")
@bases.CACHE
def create(suite: str | None, architectures: tuple[str, ...], again: bool, cache: Path | None) -> None:
    """Make the bases that are missing, from the mirror that this machine's apt uses.

    Without --suite: what the site's suites need, else bookworm for this machine's own architecture. With --again,
    two of each suite and architecture are kept, as by 'refresh'.
    """
    where, site = bases.cache(cache), bases.site()
    for name, architecture in _wanted(site, suite, architectures):
        found = None if again else base.find(where, name, architecture)
        if found is None:
            _make(where, site, name, architecture)
        else:
            _link(site, found)
            click.echo(f"{name} {architecture}: {found.path}")


@click.command()
@SUITE
@ARCH
@click.option("--older", type=click.FloatRange(min=0), metavar="DAYS", help="Only bases made longer ago than this.")
@bases.CACHE
def refresh(suite: str | None, architectures: tuple[str, ...], older: float | None, cache: Path | None) -> None:
    """Make bases anew, and keep the ones before them for builds that run, or are to be looked at.

    Nothing is changed in place: builds go on where they are, and the next ones use the new base. Of each suite and
    architecture two are kept. Where a new one cannot be made the old one stays, and the exit status is 1.
    """
    where, site = bases.cache(cache), bases.site()
    failed = []
    for name, architecture in _wanted(site, suite, architectures, where):
        found = base.find(where, name, architecture)
        if found and older is not None and utc() - found.made <= timedelta(days=older):
            click.echo(f"{name} {architecture}: made {found.made:%Y-%m-%d %H:%M} UTC, new enough")
            continue
        try:
            _make(where, site, name, architecture)
        except Problem as problem:
            click.echo(f"{name} {architecture}: {problem}", err=True)
            failed.append(f"{name} {architecture}")
    if failed:
        raise NotRefreshed(f"{', '.join(failed)}: not made anew, for the reason above; what was there is still used")


@click.command()
@bases.CACHE
def sanitize(cache: Path | None) -> None:
    """Throw away all that is kept or started ahead, and prove that no base has changed since it was made.

    Removed are the layers that no environment uses; builders discard what they have started ahead of the need. Nothing
    is lost by it: the next builds fetch package lists and install their dependencies anew. Exit status 1: a base has
    changed; remove it, and make a new one.
    """
    where = bases.cache(cache)
    ahead.discard(where)
    for layer in Stores(where, utc).empty():
        click.echo(f"removed {layer.path}: {size_of(layer)}")
    changed = []
    for one in base.listing(where):
        same = base.unchanged(one)
        click.echo(f"{one.path.name}: {'unchanged' if same else 'CHANGED since it was made'}")
        changed += [] if same else [one]
    if changed:
        one = changed[0]
        again = f"debmill environment create --again --suite {one.suite} --arch {one.architecture}"
        raise base.BaseFailed(f"{one.path}: not what it was when it was made; make a new one with '{again}'")


@click.command()
@click.argument("suite")
@click.argument("arch")
@bases.CACHE
def remove(suite: str, arch: str, cache: Path | None) -> None:
    """Remove the bases of a suite and architecture that no environment uses, and the layers over them."""
    where = bases.cache(cache)
    name = bases.rules(bases.site(), suite).base
    found = [one for one in base.listing(where) if (one.suite, one.architecture) == (name, arch)]
    if not found:
        bases.base(where, name, arch)
    for one in found:
        _remove(where, one)


def _remove(where: Path, one: Base) -> None:
    try:
        base.remove(one)
    except BaseInUse as used:
        held = [held.name for held in Holding(where).listing() if held.base == one.path.name]
        stop = "; ".join(f"'debmill environment stop {name}' ends one that you started" for name in held)
        raise BaseInUse(f"{used}; {stop}" if stop else str(used)) from None
    Stores(where, utc).forget(one.path.name)
    click.echo(f"removed {one.path}")


def _make(where: Path, site: Site | None, name: str, architecture: str) -> None:
    click.echo(f"{name} {architecture}: making a base; this takes a minute")
    made = base.create(where, name, architecture, lambda line: click.echo(f"  {line}"))
    _link(site, made)
    click.echo(f"{name} {architecture}: {made.path}")
    for one in base.trim(where, name, architecture):
        Stores(where, utc).forget(one.path.name)
        click.echo(f"{name} {architecture}: removed {one.path}")


def _wanted(
    site: Site | None, suite: str | None, architectures: tuple[str, ...], there: Path | None = None
) -> Iterator[tuple[str, str]]:
    """Name suites and architectures: as asked, else the site's, else those that are `there`."""
    known = site.settings.suites if site else {}
    suites = [known[suite]] if suite in known else [] if suite else list(known.values())
    if suites:
        pairs = [(one.base, name) for one in suites for name in architectures or one.architectures]
    elif there and not suite:
        pairs = [(one.suite, one.architecture) for one in base.listing(there)]
        pairs = [pair for pair in pairs if not architectures or pair[1] in architectures]
    else:
        pairs = [(suite or bases.SUITE, name) for name in architectures or (bases.native(),)]
    yield from dict.fromkeys(pairs)


def _link(site: Site | None, found: Base) -> None:
    if site is not None:
        atomic.make(site.environments)
        atomic.point(site.environments / f"{found.suite}-{found.architecture}", str(found.path))
