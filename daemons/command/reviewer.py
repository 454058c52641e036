"""`debmill reviewer`: the small table of who may decide."""

from __future__ import annotations

from datetime import datetime
from typing import BinaryIO

import click
import msgspec
from rich.table import Table

from archive import openpgp
from archive.openpgp import BadSignature, Certificate
from daemons.command.tables import console
from daemons.sites import Site, pass_site
from queues.clock import utc
from queues.problem import Problem
from review.person import Reviewer


@click.group()
def command() -> None:
    """Say who may accept and reject uploads."""


@command.command()
@click.argument("name")
@click.option("--mail", required=True, metavar="ADDRESS", help="Where notices go.")
@click.option("--suite", "suites", multiple=True, metavar="GLOB", help="Suites to decide for; default: all.")
@click.option(
    "--openpgp-key",
    type=click.File("rb"),
    help="OpenPGP public key(s): gpg --armor --export. They replace all former ones.",
)
@click.option(
    "--digest/--no-digest", default=None, help="One mail a day instead of one for each event; default: one for each."
)
@pass_site
def add(
    site: Site, name: str, mail: str, suites: tuple[str, ...], openpgp_key: BinaryIO | None, digest: bool | None
) -> None:
    """Register the reviewer NAME, or change what was registered.

    NAME is the login on this machine: who runs 'debmill review' is known by it, also through sudo. What is signed by a
    reviewer's key is that reviewer's own, whatever account sent it: where the suite wants a second pair of eyes
    (second_pair), somebody else decides on it. By the same key a reviewer may decide from anywhere, with a signed
    command file ('accept ID', 'reject ID REASON') that anybody uploads.

    \b
    debmill reviewer add rita --mail rita@example.org --openpgp-key rita.asc --suite 'demo*'
    """  # noqa: D301 -- click reads the control character as "do not wrap"
    try:
        key = openpgp_key.read() if openpgp_key else None
        reviewer = site.people.add_reviewer(name, mail, suites or ("*",), key, utc(), digest)
    except BadSignature as error:
        raise Problem(f"{openpgp_key.name}: {error}" if openpgp_key else str(error)) from None
    click.echo(f"{name} <{reviewer.mail}> may decide on uploads to {', '.join(reviewer.suites)}")
    for one in reviewer.certificates:
        click.echo(f"OpenPGP {one.fingerprint.upper()}")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: name, mail, suites, digest, keys.")
@pass_site
def list_reviewers(site: Site, as_json: bool) -> None:
    """List the reviewers, and whether their keys can still be relied on."""
    reviewers, now = site.people.reviewers(), utc()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([_fields(one, now) for one in reviewers])).decode())
        return
    table = Table("reviewer", "mail", "suites", "OpenPGP")
    for one in reviewers:
        keys = [f"{key.fingerprint.upper()} {_refusal(key, now) or _until(key)}".rstrip() for key in one.certificates]
        table.add_row(one.name, one.mail, ", ".join(one.suites), "\n".join(keys))
    console().print(table if reviewers else "nobody may decide yet: 'debmill reviewer add NAME --mail ADDRESS'")


@command.command()
@click.argument("name")
@pass_site
def remove(site: Site, name: str) -> None:
    """Forget the reviewer NAME; what was decided stays decided."""
    site.people.remove_reviewer(name)
    click.echo(f"{name} is no longer a reviewer")


def _fields(one: Reviewer, now: datetime) -> dict[str, object]:
    keys = [
        {"fingerprint": key.fingerprint, "expires": key.expires, "refused": _refusal(key, now)}
        for key in one.certificates
    ]
    return {"name": one.name, "mail": one.mail, "suites": one.suites, "digest": one.digest, "keys": keys}


def _refusal(key: Certificate, now: datetime) -> str:
    """Say why nothing that a key signs would count now; empty when it would."""
    try:
        openpgp.check_usable(key, now)
    except BadSignature as error:
        return str(error)
    return ""


def _until(key: Certificate) -> str:
    return f"until {key.expires:%F}" if key.expires else ""
