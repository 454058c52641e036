"""`debmill run`: all daemons of a site under one supervisor."""

from __future__ import annotations

import click

from daemons.logs import to_stderr
from daemons.process.supervisor import supervise
from daemons.sites import Site, pass_site
from queues.problem import Problem


class KeptDying(Problem):
    """Daemons that were dying when the supervisor was told to stop."""


@click.command()
@click.option("--verbose", is_flag=True, help="Log every transition.")
@pass_site
def command(site: Site, verbose: bool) -> None:
    """Run the intake, master, build, include and notify daemons until SIGTERM or Ctrl-C.

    As many build daemons run as [build] slots says. A daemon that dies is started again. Watch them with
    'debmill status'.

    SIGTERM and Ctrl-C let every daemon finish what it has in hand, as 'debmill drain' does; a second one gives it back
    and ends all within seconds. SIGHUP starts every daemon again with the settings as they are then. Exit status 1: a
    daemon kept dying to the end.
    """
    to_stderr(verbose=verbose)
    failing = supervise(site.path, lambda: daemons_of(Site(site.path)))
    if failing:
        raise KeptDying("; ".join(f"{one.name} {one}" for one in failing))


def daemons_of(site: Site) -> list[tuple[str, ...]]:
    """Name the daemons of a site with their arguments. Raises WrongSettings."""
    slots = [("build", str(number)) for number in range(1, site.settings.build.slots + 1)]
    return [("intake",), ("master",), *slots, ("include",), ("notify",)]
