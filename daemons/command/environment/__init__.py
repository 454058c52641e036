"""`debmill environment`: makes, lists and removes the bases of clean environments, and opens them by hand.

A site is not needed; where there is one, its `environments/SUITE-ARCH` are made to point to the bases.
"""

from __future__ import annotations

import click

from daemons.command.environment import listing, making, visiting


@click.group()
def command() -> None:
    """Make and look into clean build environments.

    An environment is a fresh root over a base; a base is an unpacked Debian system for one suite and architecture.

    \b
    Make the bases:          debmill environment create
    See what there is:       debmill environment list
    Renew them, from cron:   debmill environment refresh --older 7
    See why a build failed:  debmill environment shell --like tree_2.1.0-1
    Try something:           debmill environment shell bookworm amd64
    Keep one for a while:    debmill environment start NAME bookworm amd64
    """  # noqa: D301 -- click reads the control character as "do not wrap"


for one in (
    making.create,
    listing.command,
    making.refresh,
    making.sanitize,
    visiting.start,
    visiting.stop,
    visiting.shell,
    making.remove,
):
    command.add_command(one)
