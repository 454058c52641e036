"""`debmill log NAME`: the log of a build."""

from __future__ import annotations

import click

from daemons import story
from daemons.sites import Site, pass_site
from queues.problem import Problem


@click.command()
@click.argument("name")
@click.option("--arch", metavar="ARCH", help="Only this architecture's build.")
@click.option("--path", is_flag=True, help="Print where the logs are instead.")
@pass_site
def command(site: Site, name: str, arch: str | None, path: bool) -> None:
    """Show the build logs of NAME: a source, source_version, or an upload's or job's id."""
    jobs = [chapter.key for chapter in story.tell(site.spool, name) if chapter.queue.startswith("build/")]
    logs = [site.logs / "builds" / f"{key}.log" for key in jobs if arch is None or key.endswith(f"_{arch}")]
    logs = [log for log in logs if log.exists()]
    if not logs:
        raise Problem(f"there is no build log of '{name}' yet; 'debmill why {name}' says where it stands")
    for log in logs:
        click.echo(str(log) if path else log.read_text(errors="replace"))
