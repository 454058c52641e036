"""The reviewer's decisions as commands: each claims the case, decides and moves it in one go."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from daemons import account
from daemons.sites import Site, pass_site
from daemons.steering import undoing
from queues.clock import utc
from queues.values import Upload
from review.desk import Desk, NotAllowed
from review.reasons import Reasons

as_reviewer = click.option("--as", "reviewer", metavar="NAME", help="Who decides; else $SUDO_USER or $USER.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON: key, source, version, suite, decision.")


@click.command()
@click.argument("case", metavar="ID")
@as_reviewer
@as_json
@pass_site
def accept(site: Site, case: str, reviewer: str | None, as_json: bool) -> None:
    """Send an upload on to be built; until it is published, 'undo' takes that back."""
    upload = desk_of(site).accept(case, name_of(site, reviewer), utc())
    _say(upload, "accepted", f"is accepted for {upload.suite}: debmill why {upload.source}", as_json=as_json)


@click.command("set")
@click.argument("names", metavar="ID...", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Say what is in the way of each; accept nothing. Status 1: something is.")
@as_reviewer
@click.option("--json", "as_json", is_flag=True, help="Print JSON: decision, suite, uploads, objections.")
@pass_site
def accept_set(site: Site, names: Sequence[str], check: bool, reviewer: str | None, as_json: bool) -> None:
    """Accept uploads together: built seeing each other's new packages, published at once or not at all.

    They must be for one suite, and of different sources. When one of them may not be accepted, none is. When one is
    lost on the way, the others are held; 'undo' of any takes all back.
    """
    desk, by = desk_of(site), name_of(site, reviewer)
    if check:
        objections = desk.objections(names, by, utc())
        _say_set([], "refused" if objections else "possible", objections, as_json=as_json)
        raise SystemExit(1 if objections else 0)
    _say_set(desk.accept_set(names, by, utc()), "accepted", (), as_json=as_json)


@click.command()
@click.argument("case", metavar="ID")
@click.option("--reason", "-m", default="", help="What the uploader is told.")
@click.option(
    "--template", metavar="NAME", help="A reason that 'debmill review reasons' lists; --reason stands below it."
)
@as_reviewer
@as_json
@pass_site
def reject(site: Site, case: str, reason: str, template: str | None, reviewer: str | None, as_json: bool) -> None:
    """Refuse an upload; the uploader is told why. The same version may come again with a new signature."""
    reason = "\n\n".join(filter(None, (reasons_of(site).text(template) if template else "", reason)))
    if not reason:
        raise click.UsageError("say why: --reason TEXT, or --template NAME")
    upload = desk_of(site).reject(case, name_of(site, reviewer), reason, utc())
    _say(upload, "rejected", "is rejected", as_json=as_json)


@click.command()
@click.argument("case", metavar="ID")
@click.option("--reason", "-m", default="for later", help="What other reviewers see.")
@as_reviewer
@as_json
@pass_site
def hold(site: Site, case: str, reason: str, reviewer: str | None, as_json: bool) -> None:
    """Put an upload aside."""
    upload = desk_of(site).hold(case, name_of(site, reviewer), reason, utc())
    _say(upload, "held", f"is held; 'debmill review release {upload.source}' puts it back", as_json=as_json)


@click.command()
@click.argument("case", metavar="ID")
@as_reviewer
@as_json
@pass_site
def release(site: Site, case: str, reviewer: str | None, as_json: bool) -> None:
    """Put a held upload back among those that wait."""
    upload = desk_of(site).release(case, name_of(site, reviewer), utc())
    _say(upload, "released", "waits for a decision again", as_json=as_json)


@click.command()
@click.argument("case", metavar="ID")
@click.argument("text")
@as_reviewer
@as_json
@pass_site
def note(site: Site, case: str, text: str, reviewer: str | None, as_json: bool) -> None:
    """Leave a note for other reviewers; it stays with the upload, and its uploader does not see it."""
    upload = desk_of(site).note(case, name_of(site, reviewer), text, utc())
    _say(upload, "noted", "has a note more", as_json=as_json)


@click.command()
@click.argument("case", metavar="ID")
@click.argument("question")
@as_reviewer
@as_json
@pass_site
def ask(site: Site, case: str, question: str, reviewer: str | None, as_json: bool) -> None:
    """Ask the uploader something, by mail and below /status; the upload keeps its place."""
    upload = desk_of(site).ask(case, name_of(site, reviewer), question, utc())
    _say(upload, "asked", "waits; its uploader is asked", as_json=as_json)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--reason", "-m", default="no reason given", help="What the uploader is told.")
@as_reviewer
@as_json
@pass_site
def undo(site: Site, name: str, reason: str, reviewer: str | None, as_json: bool) -> None:
    """Take back an acceptance, as long as the upload is not published; that of a set for all who belong to it.

    Its builds are cancelled, what they made is dropped, and the upload waits for a decision again. NAME is what
    'debmill why' takes. What an interrupted undo left is finished by the next one.
    """
    for upload in undoing.undo(site, desk_of(site), name, name_of(site, reviewer), reason):
        _say(upload, "undone", "waits for a decision again; nothing of it is built", as_json=as_json)


COMMANDS = (accept, accept_set, reject, hold, release, note, ask, undo)


def desk_of(site: Site) -> Desk:
    """Give the desk of a site."""
    return Desk(site.spool, site.people, site.settings.suites, site.settings.policies)


def reasons_of(site: Site) -> Reasons:
    """Give the reasons for rejecting that the site has."""
    return Reasons(site.templates / "reasons")


def name_of(site: Site, given: str | None) -> str:
    """Say who decides: who is named, else the user when that is a reviewer. Raises NotAllowed."""
    registered = [one.name for one in site.people.reviewers()]
    return decider(given, os.environ, getpass.getuser(), registered, is_root=account.BEGAN_AS_ROOT)


def decider(
    given: str | None, variables: Mapping[str, str], login: str, registered: Sequence[str], *, is_root: bool
) -> str:
    """Choose who decides. Whom sudo(8) let become the service account is known by name, and is nobody else.

    sudo sets SUDO_USER to who called it; who became root is an administrator, who may be anybody. Raises NotAllowed.
    """
    caller = variables.get("SUDO_USER")
    user = caller or variables.get("USER") or login
    if caller and not is_root and given not in (None, caller):
        raise NotAllowed(f"you are {caller}, as sudo says, and cannot decide as {given}")
    if given or user in registered:
        return given or user
    known = ", ".join(registered) or "nobody yet: 'debmill reviewer add'"
    raise NotAllowed(f"'{user}' is not a reviewer; say who decides with --as NAME (registered: {known})")


def _say(upload: Upload, decision: str, words: str, *, as_json: bool) -> None:
    if as_json:
        said: dict[str, Any] = {name: getattr(upload, name) for name in ("key", "source", "version", "suite")}
        click.echo(msgspec.json.encode({**said, "decision": decision}).decode())
    else:
        click.echo(f"{upload.source} {upload.version} {words}")


def _say_set(uploads: Sequence[Upload], decision: str, objections: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        said = {"decision": decision, "suite": uploads[0].suite if uploads else "", "objections": objections}
        facts = [{name: getattr(one, name) for name in ("key", "source", "version")} for one in uploads]
        click.echo(msgspec.json.encode({**said, "uploads": facts}).decode())
        return
    for line in objections or ([] if uploads else ["nothing is in the way"]):
        click.echo(line)
    for one in uploads:
        click.echo(f"{one.source} {one.version} is accepted with the others of its set: debmill why {one.source}")
