"""What waits for a decision, and what is known of it: list, show, diff, rules."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

import click
import msgspec
from msgspec import Struct
from rich.markup import escape
from rich.table import Column, Table

from daemons.command.review import deciding, pages
from daemons.command.tables import console
from daemons.sites import Site, pass_site
from queues.problem import Problem
from queues.rooms import Room
from review import cases, notes
from review.cases import Case
from review.evidence import papers
from review.evidence.pages import Reader, Section
from review.evidence.values import Evidence
from review.notes import Note
from review.policy import judging
from review.policy.rules import RULES
from review.policy.values import Finding, Judgement

AT_ONCE = 500  # lines that are unpacked at a time
FOLDED = ("generated", "binary")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class NoEvidence(Problem):
    """An upload that was not looked into yet, or that cannot be unpacked."""


class Line(Struct, frozen=True):
    """A case as `list` shows it; `mark` is empty where nothing is known yet, the counts are those of the difference."""

    id: str
    source: str
    version: str
    suite: str
    uploader: str
    signed_by: str
    received: str
    room: str
    reviewer: str
    mark: str = ""
    warnings: int = 0
    files: int = 0
    added: int = 0
    removed: int = 0


class Shown(Struct, frozen=True):
    """What `show --json` adds to the dossier."""

    evidence: Evidence | None
    sha256: str
    mark: str
    findings: tuple[Finding, ...]
    notes: tuple[Note, ...]


@click.command("list")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: id, source, version, suite, uploader, received, mark, ..."
)
@pass_site
def list_cases(site: Site, as_json: bool) -> None:
    """List what waits for a decision, oldest first; the mark is what the suite's rules say of it."""
    lines = [_line(site, case) for case in cases.waiting(site.spool)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(lines)).decode())
        return
    table = Table("", Column("id", no_wrap=True), "suite", "uploader", "signed by", "change", "received (UTC)", "")
    for line in lines:
        state = f"open at {line.reviewer or 'somebody'}" if line.room == Room.ACTIVE else line.room
        change = f"+{line.added} -{line.removed}" if line.files else ""
        names = line.suite, line.uploader, escape(line.signed_by)
        table.add_row(pages.mark(line.mark), line.id, *names, change, line.received[:19], state)
    console().print(table if lines else "nothing waits for review")


@click.command()
@click.argument("case", metavar="ID")
@as_json
@pass_site
def show(site: Site, case: str, as_json: bool) -> None:
    """Show what is known of an upload: who, what changed, what the rules say, and what to look at closely."""
    found = cases.find(site.spool, case)
    suite = site.suite(found.upload.suite)
    dossier = cases.dossier(found, suite, site.repository.catalogue(suite.name).version_of(found.upload.source))
    shown = _shown(site, found)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_together(dossier, shown))).decode())
    else:
        console().print(pages.page(dossier, shown.evidence, Judgement(shown.findings), shown.notes))


@click.command()
@click.argument("case", metavar="ID")
@click.argument("path", required=False)
@click.option("--stat", is_flag=True, help="Name the files that differ, with the lines they add and remove.")
@click.option("--all", "every", is_flag=True, help="Show generated files, too, which are folded away otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: path, change, kind, first, lines, added, removed.")
@pass_site
def diff(site: Site, case: str, path: str | None, stat: bool, every: bool, as_json: bool) -> None:
    """Show the difference to the published version, debian/ first; with PATH that of one file, or of a folder.

    What a terminal would obey is made visible. For a new source every text file is shown.
    """
    reader = _reader(cases.find(site.spool, case))
    chosen = [one for one in reader.index.sections if path is None or _is_below(one.path, path)]
    if path and not chosen:
        raise NoEvidence(f"nothing called '{path}' differs; 'debmill review diff {case} --stat' names what does")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([msgspec.structs.asdict(one) for one in chosen])).decode())
    elif stat:
        console().print(pages.stat(chosen))
    else:
        folded = () if every or path else FOLDED
        _print(_text(reader, chosen, folded))


@click.command()
@click.option("--suite", metavar="SUITE", help="With the levels of this suite.")
@as_json
@pass_site
def rules(site: Site, suite: str | None, as_json: bool) -> None:
    """List the rules that judge uploads: their names for [policies.SUITE], their levels and where they come from."""
    policy = site.settings.policy(site.suite(suite).name if suite else "")
    found = [(name, judging.level_of(name, policy) or "ignored", rule.source) for name, rule in RULES.items()]
    if as_json:
        named = [dict(zip(("rule", "level", "source"), one, strict=True)) for one in found]
        click.echo(msgspec.json.format(msgspec.json.encode(named)).decode())
        return
    table = Table("rule", "level", "from")
    for one in found:
        table.add_row(*one)
    console().print(table)


@click.command("reasons")
@as_json
@pass_site
def list_reasons(site: Site, as_json: bool) -> None:
    """List the reasons that 'reject --template NAME' knows, and the tool offers.

    A site adds its own: files NAME.txt in its templates/reasons.
    """
    found = deciding.reasons_of(site).all()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    table = Table("name", "reason")
    for name, text in found.items():
        table.add_row(name, escape(text))
    console().print(table)


COMMANDS = (list_cases, show, diff, rules, list_reasons)


def _line(site: Site, case: Case) -> Line:
    upload = case.upload
    facts = upload.uploader, upload.signed_by, upload.received.isoformat(), case.room, case.reviewer
    line = Line(case.id, upload.source, upload.version, upload.suite, *facts)
    evidence = papers.read(case.path)
    if evidence is None:
        return line
    judged = judging.judge(evidence, site.settings.policy(upload.suite))
    parts = evidence.difference.parts.values() if evidence.difference else ()
    return msgspec.structs.replace(
        line,
        mark=judged.mark,
        warnings=sum(finding.level != "hint" for finding in judged.findings),
        files=sum(part.files for part in parts),
        added=sum(part.added for part in parts),
        removed=sum(part.removed for part in parts),
    )


def _shown(site: Site, case: Case) -> Shown:
    evidence, said = papers.read(case.path), notes.read(case.path)
    if evidence is None:
        return Shown(None, "", "", (), said)
    judged = judging.judge(evidence, site.settings.policy(case.upload.suite))
    return Shown(evidence, papers.digest(case.path), judged.mark, judged.findings, said)


def _together(dossier: cases.Dossier, shown: Shown) -> dict[str, object]:
    return {**msgspec.structs.asdict(dossier), **msgspec.structs.asdict(shown)}


def _reader(case: Case) -> Reader:
    reader = papers.difference(case.path)
    if reader is not None:
        return reader
    evidence = papers.read(case.path)
    if evidence is not None and evidence.trouble is not None:
        raise NoEvidence(f"{case.id} cannot be unpacked: {evidence.trouble.words}")
    raise NoEvidence(f"{case.id} was not looked into yet: 'debmill status' says what the evidence daemon does")


def _is_below(path: str, wanted: str) -> bool:
    return path == wanted or path.startswith(f"{wanted.rstrip('/')}/")


def _text(reader: Reader, sections: list[Section], folded: tuple[str, ...]) -> Iterator[str]:
    away = [section for section in sections if section.kind in folded]
    for section in sections:
        if section.kind not in folded:
            yield from _section(reader, section)
    for section in away:
        yield f"# folded: {section.path} ({section.kind}), +{section.added} -{section.removed}\n"
    if not reader.index.whole:
        yield f"# the difference was cut off here, after {reader.index.lines} lines\n"


def _section(reader: Reader, section: Section) -> Iterator[str]:
    for first in range(section.first, section.first + section.lines, AT_ONCE):
        count = min(AT_ONCE, section.first + section.lines - first)
        yield from (pages.coloured(line) for line in papers.text_of(reader.lines(first, count)))


def _print(text: Iterator[str]) -> None:
    """Print, on a terminal through less(1): one from which nothing can be started, for reviewers may be anybody."""
    if sys.stdout.isatty() and shutil.which("less"):
        os.environ |= {"PAGER": "less", "LESS": "-FRX", "LESSSECURE": "1"}
        click.echo_via_pager(text)
    else:
        for line in text:
            click.echo(line, nl=False)
