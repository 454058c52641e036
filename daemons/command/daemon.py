"""`debmill daemon NAME`: one daemon in the foreground, as a systemd unit or the supervisor starts it."""

from __future__ import annotations

import faulthandler
import os

import click

from daemons.logs import to_stderr
from daemons.sites import Site, pass_site
from queues.problem import Problem


class Orphaned(Problem):
    """A daemon whose supervisor died before it could be told of that."""


@click.group()
@click.option("--parent", type=int, hidden=True, help="Run only as a child of this process.")
def command(parent: int | None) -> None:
    """Run one daemon in the foreground until SIGTERM."""
    to_stderr(verbose=True)
    faulthandler.enable()  # a watchdog ends by SIGABRT what hangs: this says in which line
    if parent not in (None, os.getppid()):  # it died before setpriv asked for the parent-death signal
        raise Orphaned(f"the supervisor {parent} has gone, and nobody would tell this daemon to stop")


@command.command()
@pass_site
def intake(site: Site) -> None:
    """Take uploads by SFTP and put them into review."""
    from daemons.receiving.reception import Reception

    Reception(site).run()


@command.command()
@pass_site
def master(site: Site) -> None:
    """Plan accepted uploads, dispatch their build jobs, and open the gate."""
    from daemons.master import Master

    Master(site).run()


@command.command()
@click.argument("slot", default="1")
@pass_site
def build(site: Site, slot: str) -> None:
    """Build the oldest jobs, one at a time; SLOT names this daemon among several."""
    from daemons.builder import Builder
    from daemons.building.roots import cgroups

    cgroups.settle()
    Builder(site, slot).run()


@command.command()
@pass_site
def evidence(site: Site) -> None:
    """Look into uploads that wait for review."""
    from daemons.evidence.gatherer import EvidenceDaemon

    EvidenceDaemon(site).run()


@command.command()
@pass_site
def include(site: Site) -> None:
    """Publish uploads whose gate passed."""
    from daemons.publisher import Publisher

    Publisher(site).run()


@command.command()
@pass_site
def notify(site: Site) -> None:
    """Send notices by mail, or lay them in logs/mail."""
    from daemons.notifier import Notifier

    Notifier(site).run()
