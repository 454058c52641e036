"""`debmill log NAME`: the log of a build, also while it is written."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from daemons import buildlogs
from daemons.sites import Site, pass_site
from daemons.steering.choosing import Place, known
from queues.names import split
from queues.problem import Problem
from queues.rooms import Room

AT_ONCE = 1 << 16  # characters
LOOK = 0.2  # seconds
AHEAD = (Room.READY, Room.ACTIVE, Room.WAITING, Room.DEFERRED)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@click.command()
@click.argument("name")
@click.option("--arch", metavar="ARCH", help="Only this architecture's build.")
@click.option("--follow", "-f", is_flag=True, help="Go on while the build runs; one that has not begun is waited for.")
@click.option("--path", is_flag=True, help="Print where the logs are instead; what ends in .gz is read by zless.")
@pass_site
def command(site: Site, name: str, arch: str | None, follow: bool, path: bool) -> None:
    """Show the build logs of NAME: a source, source_version, or an upload's or job's id.

    The log of a build that runs now comes first, as far as it is written. On a terminal, control characters are left
    out.
    """
    jobs = [place for place in known(site.spool, name) if place.queue.name.startswith("build/")]
    wanted = [job for job in jobs if arch is None or split(job.name.key).part == arch]
    if follow and (unfinished := [job for job in wanted if job.room in AHEAD and not job.month]):
        _follow(name, unfinished)
        return
    logs = [log for job in wanted for log in _logs(site, job)]
    if not logs:
        raise Problem(f"there is no build log of '{name}' yet; 'debmill why {name}' says where it stands")
    for log in logs:
        if path:
            click.echo(str(log))
        else:
            with buildlogs.opened(log) as file:
                _print(file)


def _logs(site: Site, job: Place) -> list[Path]:
    kept = buildlogs.kept(site.logs, job.name.key)
    return [*buildlogs.running(job.queue, job.name.key), *([kept] if kept.exists() else [])]


def _follow(name: str, jobs: Sequence[Place]) -> None:
    """Print the log of the one job that is meant, until its build has ended."""
    if len(jobs) > 1:
        those = ", ".join(f"{job.name.key} ({job})" for job in jobs)
        raise Problem(f"several builds of '{name}' are not over, follow one of them: {those}")
    (job,) = jobs
    log = _begun(job)
    if log is None:
        raise Problem(f"{job.name.key} left {job.queue.name} without being built; 'debmill why {name}' says why")
    with buildlogs.opened(log) as file:
        over = False
        while not over:
            over = not log.exists()  # asked first: what was written until then is printed
            _print(file)
            time.sleep(0 if over else LOOK)


def _begun(job: Place) -> Path | None:
    """Wait until a job is built, and give the log; None when it went another way."""
    told = False
    while (found := job.queue.find(job.name.key)) and found[0] in AHEAD:
        for log in buildlogs.running(job.queue, job.name.key):
            return log
        if not told:
            click.echo(f"{job.name.key} waits in {job.queue.name}/{found[0]}", err=True)
            told = True
        time.sleep(LOOK)
    return None


def _print(text: TextIO) -> None:
    while piece := text.read(AT_ONCE):
        click.echo(CONTROL.sub("", piece) if sys.stdout.isatty() else piece, nl=False)
