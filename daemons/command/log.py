"""`debmill log NAME`: the log of a build."""

from __future__ import annotations

from pathlib import Path

import click

from daemons.builder import OUT
from daemons.sites import Site, pass_site
from daemons.steering.choosing import known
from queues.names import Key, split
from queues.problem import Problem
from queues.rooms import Room


@click.command()
@click.argument("name")
@click.option("--arch", metavar="ARCH", help="Only this architecture's build.")
@click.option("--path", is_flag=True, help="Print where the logs are instead.")
@pass_site
def command(site: Site, name: str, arch: str | None, path: bool) -> None:
    """Show the build logs of NAME: a source, source_version, or an upload's or job's id.

    The log of a build that runs now comes first, as far as it is written.
    """
    jobs = [place.name.key for place in known(site.spool, name) if place.queue.name.startswith("build/")]
    wanted = [key for key in jobs if arch is None or key.endswith(f"_{arch}")]
    logs = [
        log for key in wanted for log in (*_running(site, key), site.logs / "builds" / f"{key}.log") if log.exists()
    ]
    if not logs:
        raise Problem(f"there is no build log of '{name}' yet; 'debmill why {name}' says where it stands")
    for log in logs:
        click.echo(str(log) if path else log.read_text(errors="replace"))


def _running(site: Site, key: Key) -> list[Path]:
    architecture = split(key).part
    return sorted(site.spool.build(architecture).room(Room.ACTIVE).glob(f"*.{key}/{OUT}/*.log"))
