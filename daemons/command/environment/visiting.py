"""`debmill environment start`, `stop` and `shell`: environments opened by hand."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click
from msgspec import Struct

from daemons.building import entering, restoring
from daemons.building.base import Base
from daemons.building.build import tree
from daemons.building.environment import DIRECTORY
from daemons.building.holding import Held, Holding, hold
from daemons.building.installing import Keeping, Layered
from daemons.building.overlay import Overlay
from daemons.command import bases, terminal
from daemons.command.environment import former
from daemons.process.detached import detached
from daemons.sites import Site
from queues.clock import utc
from queues.problem import Problem

LIKE = click.option("--like", metavar="BUILD", help="As this build saw it: source, source_version, or a job's id.")
ARCH = click.option("--arch", metavar="ARCH", help="With --like: the architecture of the build that is meant.")
FRESH = 2  # words: a suite and an architecture


class NoSite(Problem):
    """A build is meant, but no site that could know it."""


class Opened(Struct, frozen=True):
    """An environment to be entered, and where in it a person begins; `like` is the build that saw it, or empty."""

    environment: AbstractContextManager[Overlay]
    base: Base
    directory: str = DIRECTORY
    like: str = ""


@click.command()
@click.argument("name")
@click.argument("what", nargs=-1, metavar="[SUITE ARCH]")
@LIKE
@ARCH
@bases.CACHE
def start(name: str, what: tuple[str, ...], like: str | None, arch: str | None, cache: Path | None) -> None:
    """Start an environment that stays until it is stopped, and call it NAME.

    What is done in it by one 'shell NAME' is there for the next. A process of the service account holds it; when that
    is killed, or the machine ends, nothing of it is left.
    """
    where = bases.cache(cache)
    opened = _opened(where, what, like, arch)
    holding = Holding(where)

    def work(ready: Callable[[], None]) -> None:
        with holding.named(name) as place:
            own = opened.base
            held = Held(name, own.path.name, own.architecture, opened.directory, os.getpid(), "", utc(), opened.like)
            hold(place, held, opened.environment, ready)

    if not detached(work):
        sys.exit(1)
    click.echo(
        f"{name}: started; 'debmill environment shell {name}' opens it, 'debmill environment stop {name}' ends it"
    )


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@bases.CACHE
def stop(names: tuple[str, ...], cache: Path | None) -> None:
    """End environments that were started, and all that runs in them; nothing of them is left."""
    holding = Holding(bases.cache(cache))
    for name in names:
        holding.stop(name)
        click.echo(f"{name}: ended")


@click.command()
@click.argument("what", nargs=-1, metavar="[NAME | SUITE ARCH]")
@LIKE
@ARCH
@click.option("--user/--root", "as_user", default=None, help="As the user who builds, without network; or as root.")
@bases.CACHE
def shell(what: tuple[str, ...], like: str | None, arch: str | None, as_user: bool | None, cache: Path | None) -> None:
    """Open a shell: in the environment NAME that was started, or in a fresh one, which is gone when the shell ends.

    \b
    debmill environment shell bookworm amd64    a fresh one over the newest base, as root, with network
    debmill environment shell NAME              the one that 'start NAME' made
    debmill environment shell --like BUILD      a fresh one exactly as a failed build saw it

    With --like it has that build's base, by its digest, and its build dependencies, in their versions; the source lies
    unpacked; and the shell is the user's who builds, without network. Its exit status is the shell's.
    """  # noqa: D301 -- click reads the control character as "do not wrap"
    where = bases.cache(cache)
    if len(what) == 1 and like is None:
        held = Holding(where).find(what[0])
        sys.exit(_visit(held.pid, held.architecture, held.directory, as_user=_is_user(as_user, held.like)))
    opened = _opened(where, what, like, arch)
    with opened.environment as environment:
        if opened.like:
            click.echo(
                f"{opened.like}, unpacked in {opened.directory}: 'dpkg-buildpackage -us -uc' builds it", err=True
            )
        user = _is_user(as_user, opened.like)
        status = _visit(environment.pid, opened.base.architecture, opened.directory, as_user=user)
    sys.exit(status)


def _is_user(asked: bool | None, like: str) -> bool:
    """Say who a shell is for: as asked; else the user where a build is looked at, and root elsewhere."""
    return bool(like) if asked is None else asked


def _visit(pid: str, architecture: str, directory: str, *, as_user: bool) -> int:
    site = bases.site()
    options = f"parallel={site.settings.build.parallel if site else 1}"
    user = {"USER": "build", "LOGNAME": "build", "DEB_BUILD_OPTIONS": options} if as_user else {}
    variables = {**entering.INSIDE, "TERM": os.environ.get("TERM", "dumb"), **user}
    return terminal.spawn(entering.shell(pid, architecture, directory, root=not as_user), variables)


def _opened(where: Path, what: tuple[str, ...], like: str | None, arch: str | None) -> Opened:
    site = bases.site()
    if like is not None and not what:
        if site is None:
            raise NoSite(f"'{like}' is a build of a site, and none is here: name it with 'debmill --site DIR ...'")
        return _like(where, site, like, arch)
    if like is not None or len(what) != FRESH or arch is not None:
        raise click.UsageError("name a suite and an architecture ('bookworm amd64'), or a build ('--like BUILD')")
    suite, architecture = what
    system = bases.base(where, bases.rules(site, suite).base, architecture)
    return Opened(Overlay(system), system)


def _like(where: Path, site: Site, like: str, arch: str | None) -> Opened:
    build = former.find(site, like, arch)
    system = restoring.base_of(where, build.seen)
    rules = site.settings.build
    keeping = Keeping(rules.layers_size, rules.indices_minutes * 60)
    fresh = Layered(system, site.local_archives(build.job.suite), utc, keeping, cache=where)
    log = sys.stderr.buffer
    environment = restoring.restored(fresh, build.seen, build.job, build.sources, log, rules.limits)
    return Opened(environment, system, f"{DIRECTORY}/{tree(build.job)}", f"{build.job.upload}_{build.job.architecture}")
