"""`debmill environment start`, `stop` and `shell`: environments opened by hand."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click
from msgspec import Struct
from msgspec.structs import replace

from daemons.building.bases.base import Base
from daemons.building.builds.recipe import building, tree, variables
from daemons.building.byhand import restoring
from daemons.building.byhand.holding import Held, Holding, hold
from daemons.building.environment import DIRECTORY
from daemons.building.layers.extra import Extra
from daemons.building.layers.installing import Keeping, Layered
from daemons.building.roots import entering
from daemons.building.roots.overlay import Overlay
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
    """An environment to be entered, and what is known of it but for its processes."""

    environment: AbstractContextManager[Overlay]
    held: Held


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
    opened, holding = _opened(where, what, like, arch), Holding(where)

    def work(ready: Callable[[], None]) -> None:
        with holding.named(name) as place:
            hold(place, replace(opened.held, name=name, holder=os.getpid()), opened.environment, ready)

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
        sys.exit(_visit(Holding(where).find(what[0]), as_user))
    opened = _opened(where, what, like, arch)
    with opened.environment as environment:
        status = _visit(replace(opened.held, pid=environment.pid), as_user)
    sys.exit(status)


def _visit(held: Held, as_user: bool | None) -> int:
    """Open a shell as asked; else as the user where a build is looked at, and as root elsewhere."""
    user = bool(held.like) if as_user is None else as_user
    told = {"USER": "build", "LOGNAME": "build", **held.variables} if user else {}
    variables = {**entering.INSIDE, "TERM": os.environ.get("TERM", "dumb"), **told}
    enter = entering.shell(held.pid, held.architecture, held.directory, root=not user, network=held.network)
    return terminal.spawn(enter, variables)


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
    return Opened(Overlay(system), _held(system))


def _like(where: Path, site: Site, like: str, arch: str | None) -> Opened:
    build = former.find(site, like, arch)
    job, rules, suite = build.job, site.settings.build, site.suite(build.job.suite)
    system, network = restoring.base_of(where, build.seen), job.source in suite.network
    fresh = Layered(
        system,
        site.local_archives(suite.name),
        utc,
        Keeping(rules.layers_size, rules.indices_minutes * 60),
        cache=where,
        extra=Extra(suite.sources, suite.preferences),
        network=network,
    )
    environment = restoring.restored(fresh, build.seen, job, build.sources, sys.stderr.buffer, rules.limits)
    held = replace(
        _held(system),
        directory=f"{DIRECTORY}/{tree(job)}",
        like=f"{job.upload}_{job.architecture}",
        variables=variables(job, rules.parallel_on(os.cpu_count() or 1)),
        network=network,
    )
    click.echo(f"{held.like} is built by '{' '.join(building(job))}' in {held.directory}", err=True)
    return Opened(environment, held)


def _held(system: Base) -> Held:
    return Held("", system.path.name, system.architecture, DIRECTORY, 0, "", utc())
