"""How a case looks on a terminal: what is known of it, in tables that a plain terminal can show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

import click
import msgspec
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Column, Table

from review.cases import Dossier
from review.evidence import papers
from review.evidence.pages import Section
from review.evidence.trust import KINDS
from review.evidence.values import Evidence
from review.facts import SIGNED
from review.notes import Note
from review.policy.values import Judgement

HIDDEN = {"id", "source", "suite", "changes", "history", "files"}
_COLOURS = {"red": "red", "amber": "yellow", "green": "green", "": "default"}
_LEVELS = {"reject": "red", "warn": "yellow", "hint": "default"}
_LINES = (("+++", None), ("---", None), ("@@", "cyan"), ("+", "green"), ("-", "red"))
_ENDLESS = re.compile(r"(\S{1000})\S+")  # over which rich would think for minutes
_SIGNS = 40  # that a page shows


def mark(colour: str) -> str:
    """Give a mark that also says something where there are no colours."""
    return f"[{_COLOURS[colour]}]{colour}[/]" if colour else ""


def coloured(line: str) -> str:
    """Colour a line of a diff; click leaves that out where the output is no terminal."""
    colour = next((colour for start, colour in _LINES if line.startswith(start)), None)
    return click.style(line, fg=colour) + "\n" if colour else f"{line}\n"


def page(dossier: Dossier, evidence: Evidence | None, judged: Judgement, notes: Sequence[Note]) -> Group:
    """Put together what a reviewer is shown of a case."""
    parts: list[RenderableType] = [_facts(dossier)]
    if evidence is None:
        parts.append("\nit was not looked into yet: 'debmill status' says what the evidence daemon does")
    else:
        parts += _evidence(evidence, judged)
    changelog = evidence.what.changelog if evidence else dossier.changes
    parts += _titled("changes", changelog.splitlines())
    parts += _titled("notes", [f"{note.at:%Y-%m-%d %H:%M}  {note.by}: {note.text}" for note in notes])
    parts += _titled("files (SHA256, bytes, name)", dossier.files)
    events = [f"{event.at:%Y-%m-%d %H:%M:%S}  {event.event}  {_said(event.facts)}" for event in dossier.history]
    return Group(*parts, *_titled("history", events))


def stat(sections: Sequence[Section]) -> Table:
    """Name the files that differ."""
    table = Table(
        Column("file", overflow="fold"), "", "kind", Column("+", justify="right"), Column("-", justify="right")
    )
    for one in sections:
        table.add_row(_plain(one.path), one.change, one.kind, str(one.added), str(one.removed))
    return table


def _facts(dossier: Dossier) -> Table:
    title = f"{dossier.source} {dossier.version} for {dossier.suite}"
    table = Table("", Column(overflow="fold"), show_header=False, title=title, title_justify="left", box=None)
    for field, value in msgspec.structs.asdict(dossier).items():
        if field not in HIDDEN and value != "":
            table.add_row(field.replace("_", " "), _plain(_words(value)))
    return table


def _evidence(evidence: Evidence, judged: Judgement) -> Iterator[RenderableType]:
    what, who = evidence.what, evidence.who
    rows = {
        "signer's key": who.key,
        "upstream's signature": what.upstream,
        "urgency": what.urgency,
        "closes": " ".join(what.closes),
        "new packages": " ".join(what.added),
        "dropped packages": " ".join(what.dropped),
        "moved packages": "; ".join(what.moved),
        "build needs, new": ", ".join(what.depends_added),
        "build needs, gone": ", ".join(what.depends_dropped),
        "difference": _difference(evidence),
        "earlier": ", ".join(f"{one.source} {one.version} {one.became}" for one in who.earlier),
    }
    table = Table("", Column(overflow="fold"), show_header=False, box=None)
    for name, value in rows.items():
        if value:
            table.add_row(name, _plain(value))
    yield table
    yield f"\n[bold]what the rules say[/bold]: {mark(judged.mark)}"
    for one in judged.findings:
        where = escape(f"({one.rule}, {one.source})")
        yield f"  [{_LEVELS[one.level]}]{one.level:6}[/] {_plain(one.text)}  [dim]{where}[/]"
    yield from _titled("to look at closely", _signs(evidence))
    licences = evidence.licences.files.items() if evidence.licences else ()
    yield from _titled(
        "licences, by debian/copyright (files, name)", [f"{count:>7}  {name}" for name, count in licences]
    )
    yield from _titled("the .dsc", [f"{one.words} ({one.source})" for one in evidence.flaws])
    tags = [f"{tag.level}: {tag.name} {tag.words}" + (" (new)" if tag.new else "") for tag in evidence.lintian or ()]
    awaits = "it has not looked yet" if evidence.awaits_lintian else ""
    yield from _titled("lintian", [*filter(None, [awaits, evidence.lintian_trouble]), *tags])


def _difference(evidence: Evidence) -> str:
    if evidence.difference is None:
        return f"none: {evidence.trouble.words}" if evidence.trouble else ""
    parts = (
        f"{kind} {part.files} files +{part.added} -{part.removed}" for kind, part in evidence.difference.parts.items()
    )
    return "; ".join(parts) or "nothing"


def _signs(evidence: Evidence) -> list[str]:
    shown = [f"{KINDS.get(one.kind, one.kind)}: {one.path}: {one.words}" for one in evidence.signs[:_SIGNS]]
    more = len(evidence.signs) - _SIGNS
    return [*shown, *([f"and {more} more"] if more > 0 else [])]


def _plain(text: str) -> str:
    """Give one line without what would steer a terminal, or be taken for markup, and with no endless word in it."""
    return escape(_ENDLESS.sub(r"\1...", papers.text_of([text.encode(errors="replace")])[0]))


def _titled(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"\n[bold]{title}[/bold]\n{chr(10).join(map(_plain, lines))}"


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if value is None:
        return "nothing of this source yet"
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _said(facts: dict[str, str]) -> str:
    return "  ".join(f"{name}: {value}" for name, value in facts.items() if name != SIGNED)
