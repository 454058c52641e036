"""`debmill run`: all daemons of a site under one supervisor."""

from __future__ import annotations

import click

from daemons.logs import to_stderr
from daemons.sites import Site, pass_site
from daemons.supervisor import supervise


@click.command()
@click.option("--verbose", is_flag=True, help="Log every transition.")
@pass_site
def command(site: Site, verbose: bool) -> None:
    """Run the intake, master, build, include and notify daemons until SIGTERM or Ctrl-C.

    As many build daemons run as [build] slots says. A daemon that dies is started again. Watch them with
    'debmill status'.
    """
    to_stderr(verbose=verbose)
    slots = [("build", str(number)) for number in range(1, site.settings.build.slots + 1)]
    supervise(site.path, [("intake",), ("master",), *slots, ("include",), ("notify",)])
