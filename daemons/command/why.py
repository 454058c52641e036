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
    """Tell what happened to NAME: a source, source_version, or the id that 'debmill review list' shows.

    Every state it was in, the rule, person or error that caused it, what it waits for now, and what one can do.
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
        click.echo(f"  now in {chapter.queue}/{chapter.room}: it {chapter.meaning}")
        for note in (*chapter.notes, chapter.remedy):
            if note:
                click.echo(f"      {note}")
        click.echo()


def _line(event: dict[str, str]) -> str:
    said = [f"{name}: {_last(value)}" for name, value in event.items() if name not in HIDDEN]
    return f"{event['at'][:19].replace('T', ' ')}  {event['event']:<11}  {'  '.join(said)}".rstrip()


def _last(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else ""
