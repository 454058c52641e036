"""Where commands that need no site find one all the same, the cache of bases, and a base in it."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import click

from daemons import account, settings, sites
from daemons.building.bases.base import Base, BaseFailed, find, listing
from daemons.sites import Site
from queues.values import Suite

SUITE = "bookworm"
SYSTEM = Path("/var/cache") / account.NAME
CACHE = click.option(
    "--cache", type=click.Path(path_type=Path), metavar="DIR", help="Where bases are kept; else the account's cache."
)


def cache(named: Path | None) -> Path:
    """Give the directory of the bases, the account's own unless one is named; root is given up. Raises NoAccess.

    Its parents need not be open to others: environments are entered from the account's own side.
    """
    path = named or (SYSTEM if pwd.getpwuid(os.geteuid()).pw_name in ("root", account.NAME) else _own())
    if os.geteuid() == 0 and not path.exists():
        account.own(path)
    account.give_up_root()
    account.reach(path)
    return path.absolute()


def site() -> Site | None:
    """Give the site that the command line, the environment or the directory names; None when none is meant."""
    path = sites.named()
    meant = click.get_current_context().find_root().params.get("site") or os.environ.get("DEBMILL_SITE")
    if not meant and not (path / settings.FILE).exists():
        return None
    account.reach(path)
    found = Site(path)
    _ = found.settings
    return found


def rules(site: Site | None, suite: str) -> Suite:
    """Give the rules of a suite of the site; any other name is a Debian suite's, built on this machine."""
    known = site.settings.suites if site else {}
    return known.get(suite) or Suite(suite, base=suite, architectures=(native(),))


def base(cache: Path, suite: str, architecture: str) -> Base:
    """Give the newest base. Raises BaseFailed."""
    found = find(cache, suite, architecture)
    if found is None:
        how = f"debmill environment create --suite {suite} --arch {architecture}"
        there = ", ".join(dict.fromkeys(f"{one.suite} {one.architecture}" for one in listing(cache))) or "none"
        raise BaseFailed(
            f"{cache} has no base for {suite} on {architecture}, there are: {there}; make one with '{how}'"
        )
    return found


def _own() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / account.NAME


def native() -> str:
    """Give this machine's own architecture, as dpkg calls it."""
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, check=True, text=True).stdout.strip()
