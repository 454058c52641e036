"""`debmill why NAME`: the story of an upload."""

from __future__ import annotations

import click
import msgspec

from daemons.sites import Site, pass_site
from daemons.telling import story

BACKSTAGE = {"claimed"}  # whoever works on an entry claims it first; what came of it is the next event
HIDDEN = {"at", "event", "signed"}


@click.command()
@click.argument("name")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: each entry, where it is, what that means, and its events."
)
@pass_site
def command(site: Site, name: str, as_json: bool) -> None:
    """Tell what happened to NAME: a source, source_version, a binary package, or what 'debmill review list' shows.

    Every state it was in, the rule, person or error that caused it, what it waits for now, and what one can do. Also
    what was published without an upload, and what came and was not taken.
    """
    chapters = story.tell(site, name)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(chapters)).decode())
        return
    for chapter in chapters:
        click.secho(chapter.title, bold=True)
        for event in chapter.events:
            if event["event"] not in BACKSTAGE:
                click.echo(f"  {_line(event)}")
        since = f" since {chapter.since[:19].replace('T', ' ')} UTC" if chapter.since else ""
        click.echo(f"  now in {chapter.queue}/{chapter.room}{since}: it {chapter.meaning}")
        for note in (*chapter.notes, chapter.remedy):
            if note:
                click.echo(f"      {note}")
        click.echo()


def _line(event: dict[str, str]) -> str:
    said = [f"{name}: {_one_line(name, value)}" for name, value in event.items() if name not in HIDDEN]
    return f"{event['at'][:19].replace('T', ' ')}  {event['event']:<11}  {'  '.join(said)}".rstrip()


def _one_line(name: str, text: str) -> str:
    """Write a fact in a line: the error at the end of a traceback, all of anything else."""
    return " ".join((text.strip().splitlines() or [""])[-1].split() if name == "traceback" else text.split())
