"""`debmill run`: all daemons of a site under one supervisor."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from daemons import account
from daemons.building.roots import cgroups
from daemons.logs import to_stderr
from daemons.process.supervisor import supervise
from daemons.sites import Site, pass_site
from queues.problem import Problem

P = ParamSpec("P")
R = TypeVar("R")


class KeptDying(Problem):
    """Daemons that were dying when the supervisor was told to stop."""


def with_control_groups(command: Callable[P, R]) -> Callable[P, R]:
    """Take control groups for the account first, if we are root, so that builders can divide them among builds."""

    @wraps(command)
    def first(*args: P.args, **kwargs: P.kwargs) -> R:
        if os.geteuid() == 0:
            cgroups.take(*account.ids())
        return command(*args, **kwargs)

    return first


@click.command()
@click.option("--verbose", is_flag=True, help="Log every transition.")
@with_control_groups
@pass_site
def command(site: Site, verbose: bool) -> None:
    """Run the intake, evidence, master, build, include and notify daemons until SIGTERM or Ctrl-C.

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
    return [("intake",), ("evidence",), ("master",), *slots, ("include",), ("notify",)]
