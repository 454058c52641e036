"""`debmill environment list`: bases, the environments that were started over them, and layers."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.table import Table

from daemons.building.bases import base
from daemons.building.bases.base import Base
from daemons.building.byhand.holding import Held, Holding
from daemons.building.layers.store import Layer
from daemons.building.layers.stores import Stores
from daemons.command import bases
from daemons.command.tables import console
from queues.clock import utc

FEW = 4  # packages of a layer that are named in the table


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: each base with its layers and what was started.")
@bases.CACHE
def command(as_json: bool, cache: Path | None) -> None:
    """Show the bases, the newest of each suite and architecture first; what was started; and the layers over them.

    A layer is what installing a set of build dependencies changed, or package lists; it is made when a build needs it.
    """
    where = bases.cache(cache)
    found, kept, started = base.listing(where), Stores(where, utc).listing(), Holding(where).listing()
    if as_json:
        rows = [_row(one, _over(one, kept), started) for one in found]
        click.echo(msgspec.json.format(msgspec.json.encode(rows, enc_hook=str)).decode())
        return
    console().print(_of_bases(found, kept))
    if started:
        console().print(_of_started(started))
    if kept:
        console().print(_of_layers(kept))


def size_of(*layers: Layer) -> str:
    """Say how large layers are."""
    return f"{sum(layer.about.size for layer in layers) / 2**20:.1f} MiB"


def _over(one: Base, kept: list[Layer]) -> list[Layer]:
    return [layer for layer in kept if layer.about.base == one.path.name]


def _row(one: Base, layers: list[Layer], started: list[Held]) -> dict[str, object]:
    return msgspec.structs.asdict(one) | {
        "made": one.made,
        "layers": [
            {"path": layer.path, "what": layer.about.what, "size": layer.about.size, "used": layer.used}
            for layer in layers
        ],
        "started": [held for held in started if held.base == one.path.name],
    }


def _of_bases(found: list[Base], kept: list[Layer]) -> Table:
    table = Table("suite", "architecture", "digest", "made", "layers", "their size")
    for one in found:
        own = _over(one, kept)
        made = f"{one.made:%Y-%m-%d %H:%M} UTC"
        table.add_row(one.suite, one.architecture, one.digest, made, str(len(own)), size_of(*own))
    if not found:
        table.add_row("none", "", "", "make one with 'debmill environment create'", "", "")
    return table


def _of_started(started: list[Held]) -> Table:
    table = Table("started", "base", "since", "as it was for", "open it with")
    for held in started:
        enter = f"debmill environment shell {held.name}"
        table.add_row(held.name, held.base, f"{held.since:%Y-%m-%d %H:%M} UTC", held.like, enter)
    return table


def _of_layers(kept: list[Layer]) -> Table:
    table = Table("layer", "size", "used last", "holds")
    for layer in kept:
        first, more = ", ".join(layer.about.what[:FEW]), len(layer.about.what) - FEW
        holds = f"{first} and {more} more" if more > 0 else first
        table.add_row(layer.key, size_of(layer), f"{layer.used:%Y-%m-%d %H:%M} UTC", holds)
    return table
