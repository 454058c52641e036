"""`debmill events`: what was told of uploads, from the log of events."""

from __future__ import annotations

import time
from contextlib import closing

import click
import msgspec

from daemons.notifying.eventlog import EventLog
from daemons.notifying.events import Told
from daemons.sites import Site, pass_site

LOOK = 0.2  # seconds
BY = ("architecture", "by", "reason", "question", "built", "days")  # facts that people are told in a line


@click.command()
@click.argument("name", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now on.")
@click.option("--lines", "-n", default=20, show_default=True, type=click.IntRange(min=0), help="How many of the last.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, an object a line: id, at, event, upload, source, facts, ..."
)
@pass_site
def command(site: Site, name: str | None, follow: bool, lines: int, as_json: bool) -> None:
    """Show the last events of all uploads, or of NAME: a source, source_version, or an upload's id.

    Events are what mails and the webhook tell: received, accepted, failed, published and so on. They are read from
    logs/events.jsonl, which the notify daemon writes; 'debmill why NAME' tells all of an upload, however old.
    """
    log = EventLog(site.logs)
    with closing(log.follow()) as following:
        found = [one for one in log.last() if _is_meant(one, name)]
        for one in found[-lines:] if lines else ():
            _say(one, as_json=as_json)
        seen = {one.id for one in found}
        while follow:
            for new in following.new():
                if new.id not in seen and _is_meant(new, name):
                    _say(new, as_json=as_json)
            time.sleep(LOOK)


def _is_meant(one: Told, name: str | None) -> bool:
    names = (one.upload, one.source, f"{one.source}_{one.version}", one.facts.get("what", ""))
    return name is None or name in names


def _say(one: Told, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(one).decode())
        return
    what = f"{one.source} {one.version}" if one.source else one.facts.get("what", "")
    said = [f"{name}: {' '.join(one.facts[name].split())}" for name in BY if one.facts.get(name)]
    click.echo(f"{one.at:%F %T}  {one.event:<10}  {what}  {'  '.join(said)}".rstrip())
