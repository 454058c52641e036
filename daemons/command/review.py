"""`debmill review`: the reviewer's desk as commands; each claims the case, decides and moves it in one go."""

from __future__ import annotations

import getpass
import os
from datetime import datetime

import click
import msgspec
from msgspec import Struct
from rich.console import Group
from rich.markup import escape
from rich.table import Column, Table

from daemons.command.tables import console
from daemons.sites import Site, pass_site
from queues.clock import utc
from queues.rooms import Room
from review import cases
from review.cases import Case, Dossier
from review.desk import Desk, NotAllowed
from review.facts import SIGNED

HIDDEN_IN_TABLE = {"id", "source", "suite", "changes", "history", "files"}
as_reviewer = click.option("--as", "reviewer", metavar="NAME", help="Who decides; else $SUDO_USER or $USER.")


class Line(Struct, frozen=True):
    """A case as `list` shows it."""

    id: str
    source: str
    version: str
    suite: str
    uploader: str
    signed_by: str
    received: str
    room: str
    reviewer: str


@click.group()
def command() -> None:
    """Look at waiting uploads, and accept or reject them.

    An ID is what 'list' shows; the source's name is enough when only one upload of it waits.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: id, source, version, suite, uploader, received, ...")
@pass_site
def list_cases(site: Site, as_json: bool) -> None:
    """List what waits for a decision, oldest first."""
    lines = [_line(case) for case in cases.waiting(site.spool)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(lines)).decode())
        return
    table = Table(Column("id", no_wrap=True), "suite", "uploader", "signed by", "received (UTC)", "")
    for line in lines:
        state = f"open at {line.reviewer or 'somebody'}" if line.room == Room.ACTIVE else line.room
        table.add_row(line.id, line.suite, line.uploader, escape(line.signed_by), line.received[:19], state)
    console().print(table if lines else "nothing waits for review")


@command.command()
@click.argument("case", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_site
def show(site: Site, case: str, as_json: bool) -> None:
    """Show what is known of an upload: who signed it, what changed, what it is built for, and where its files are."""
    found = cases.find(site.spool, case)
    suite = site.suite(found.upload.suite)
    dossier = cases.dossier(found, suite, site.repository.catalogue(suite.name).version_of(found.upload.source))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(dossier)).decode())
    else:
        console().print(_page(dossier))


@command.command()
@click.argument("case", metavar="ID")
@as_reviewer
@pass_site
def accept(site: Site, case: str, reviewer: str | None) -> None:
    """Send an upload on to be built."""
    upload = _desk(site).accept(case, _name(site, reviewer), utc())
    click.echo(f"{upload.source} {upload.version} is accepted for {upload.suite}: debmill why {upload.source}")


@command.command()
@click.argument("case", metavar="ID")
@click.option("--reason", "-m", required=True, help="What the uploader is told.")
@as_reviewer
@pass_site
def reject(site: Site, case: str, reason: str, reviewer: str | None) -> None:
    """Refuse an upload; the uploader is told why. The same version may come again with a new signature."""
    upload = _desk(site).reject(case, _name(site, reviewer), reason, utc())
    click.echo(f"{upload.source} {upload.version} is rejected")


@command.command()
@click.argument("case", metavar="ID")
@click.option("--reason", "-m", default="for later", help="What other reviewers see.")
@as_reviewer
@pass_site
def hold(site: Site, case: str, reason: str, reviewer: str | None) -> None:
    """Put an upload aside."""
    upload = _desk(site).hold(case, _name(site, reviewer), reason, utc())
    click.echo(f"{upload.source} {upload.version} is held; 'debmill review release {upload.source}' puts it back")


@command.command()
@click.argument("case", metavar="ID")
@as_reviewer
@pass_site
def release(site: Site, case: str, reviewer: str | None) -> None:
    """Put a held upload back among those that wait."""
    upload = _desk(site).release(case, _name(site, reviewer), utc())
    click.echo(f"{upload.source} {upload.version} waits for a decision again")


def _desk(site: Site) -> Desk:
    return Desk(site.spool, site.people, site.settings.suites)


def _name(site: Site, given: str | None) -> str:
    """Say who decides: who is named, else the user when that is a reviewer. Raises NotAllowed."""
    registered = [one.name for one in site.people.reviewers()]
    user = os.environ.get("SUDO_USER") or os.environ.get("USER") or getpass.getuser()
    if given or user in registered:
        return given or user
    known = ", ".join(registered) or "nobody yet: 'debmill reviewer add'"
    raise NotAllowed(f"'{user}' is not a reviewer; say who decides with --as NAME (registered: {known})")


def _line(case: Case) -> Line:
    upload = case.upload
    facts = upload.uploader, upload.signed_by, upload.received.isoformat(), case.room, case.reviewer
    return Line(case.id, upload.source, upload.version, upload.suite, *facts)


def _page(dossier: Dossier) -> Group:
    title = f"{dossier.source} {dossier.version} for {dossier.suite}"
    table = Table("", Column(overflow="fold"), show_header=False, title=title, title_justify="left", box=None)
    for field, value in msgspec.structs.asdict(dossier).items():
        if field not in HIDDEN_IN_TABLE and value != "":
            table.add_row(field.replace("_", " "), escape(_words(value)))
    events = [f"{event.at:%Y-%m-%d %H:%M:%S}  {event.event}  {_facts(event.facts)}" for event in dossier.history]
    parts = [("changes", [dossier.changes]), ("files (SHA256, bytes, name)", dossier.files), ("history", events)]
    return Group(table, *(f"\n[bold]{title}[/bold]\n{escape(chr(10).join(lines))}" for title, lines in parts))


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if value is None:
        return "nothing of this source yet"
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _facts(facts: dict[str, str]) -> str:
    return "  ".join(f"{name}: {value}" for name, value in facts.items() if name != SIGNED)
