"""`debmill why NAME`: the story of an upload."""

from __future__ import annotations

import click
import msgspec

from daemons import story
from daemons.sites import Site, pass_site


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: each entry, where it is, and its events.")
@pass_site
def command(site: Site, name: str, as_json: bool) -> None:
    """Tell what happened to NAME: a source, source_version, or the id that 'debmill review list' shows.

    Every state it was in, the rule, person or error that caused it, and what it waits for now.
    """
    chapters = story.tell(site.spool, name)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(chapters)).decode())
        return
    for chapter in chapters:
        click.secho(f"{chapter.key}  ({chapter.queue}/{chapter.room})", bold=True)
        for event in chapter.events:
            at, what = event.pop("at"), event.pop("event")
            facts = "  ".join(f"{key}: {_line(value)}" for key, value in event.items())
            click.echo(f"  {at[:19].replace('T', ' ')}  {what:<12} {facts}".rstrip())
        click.echo(f"  now: it {chapter.meaning}")


def _line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else ""
