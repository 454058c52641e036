"""Findings: what is not as it should be, as values, and how they are told from work in progress.

A look reads one thing and says what is wrong with it; it changes nothing and can be repeated. Daemons go on working
meanwhile, so what one look finds is believed only when a second one, a moment later, finds it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from msgspec import Struct


class Severity(StrEnum):
    """Who has to do something about a finding."""

    BROKEN = "broken"  # a person
    REPAIRABLE = "repairable"  # `--repair`, or a daemon when it starts; nothing can be lost by it
    HARMLESS = "harmless"  # nobody


class Finding(Struct, frozen=True):
    """What is wrong (a word for programs), where (a path), for whom, and in one line what it means and what to do."""

    what: str
    where: str
    severity: Severity
    means: str


Look = Callable[[], Iterable[Finding]]


def broken(what: str, where: Path, means: str) -> Finding:
    """Make a finding that a person has to look after."""
    return Finding(what, str(where), Severity.BROKEN, means)


def repairable(what: str, where: Path, means: str) -> Finding:
    """Make a finding that can be repaired without losing anything."""
    return Finding(what, str(where), Severity.REPAIRABLE, means)


def harmless(what: str, where: Path, means: str) -> Finding:
    """Make a finding that is only to be known."""
    return Finding(what, str(where), Severity.HARMLESS, means)


def examine(looks: Iterable[Look], pause: Callable[[], object]) -> list[Finding]:
    """Take every look, wait a moment where something was found, and give what is found again then."""
    suspects = [(look, found) for look in looks if (found := _taken(look))]
    if suspects:
        pause()
    return list(dict.fromkeys(one for look, found in suspects for one in _again(look, found)))


def _again(look: Look, found: list[Finding]) -> Iterator[Finding]:
    known = {(one.what, one.where) for one in found}
    return (one for one in _taken(look) if (one.what, one.where) in known)


def _taken(look: Look) -> list[Finding]:
    found = []
    try:
        for one in look():
            found.append(one)  # noqa: PERF402 -- what was found before an error counts
    except FileNotFoundError:
        return []  # it moved on while we looked, and is seen where it went
    except OSError as error:
        where = Path(error.filename or ".")
        found.append(broken("unreadable", where, f"{error.strerror}: look at the disk and at who owns it"))
    return found
