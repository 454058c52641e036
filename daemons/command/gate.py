"""`debmill gate`: a person decides for an upload whose gate is not met."""

from __future__ import annotations

import getpass
import os

import click
import msgspec

from daemons.deciding.asking import RELEASE
from daemons.sites import Site, pass_site
from daemons.steering.choosing import known
from queues.names import upload_of
from queues.problem import Problem
from queues.rooms import Room


class Release(msgspec.Struct, frozen=True):
    """Who released an upload."""

    by: str


@click.group()
def command() -> None:
    """Decide for an upload that the gate withholds."""


@command.command()
@click.argument("name")
@click.option("--as", "person", metavar="NAME", help="Who decides; else the user.")
@pass_site
def release(site: Site, name: str, person: str | None) -> None:
    """Publish what was built of NAME, though its gate is not met; recorded with who decided.

    Architectures that failed keep the binaries they have.
    """
    keys = {upload_of(place.name.key) for place in known(site.spool, name) if place.queue is site.spool.master}
    by = person or os.environ.get("SUDO_USER") or getpass.getuser()
    for key in sorted(keys):
        for room in (Room.HOLD, Room.WAITING):
            with site.spool.master.claim(key, room) as entry:
                if entry is not None:
                    entry.paper(RELEASE, Release(by))
                    entry.move(site.spool.master, Room.WAITING, event="gate released", by=by)
                    click.echo(f"{key}: the gate is released; the master daemon includes what was built")
                    return
    raise Problem(f"no upload of '{name}' waits at the gate; 'debmill why {name}' says where it stands")
