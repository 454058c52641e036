"""Whether new packages can be installed: what the checker is given, what it found, and what follows. Pure.

The checker is dose-debcheck(1). Its report is YAML of one shape, of which the lines that name packages are read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from archive.inclusion import Built
from archive.indices import pieces
from queues.values import Installable, Suite

_BROKEN = re.compile(
    r"^ -\n  package: (?P<name>\S+)\n  version: (?P<version>\S+)\n(?P<rest>(?:  .*\n?)*)", re.MULTILINE
)
_MISSING = re.compile(r"package: (\S+)\n +version: (\S+)\n(?: +\S.*\n)*? +unsat-dependency: (.+)$", re.MULTILINE)
_CONFLICT = re.compile(
    r"pkg1:\n +package: (\S+)\n +version: (\S+)\n(?:.*\n)*? +pkg2:\n +package: (\S+)\n +version: (\S+)", re.MULTILINE
)
_SHOWN = 5


class Found(NamedTuple):
    """What a check says: packages that cannot be installed, each with its reason, or why nothing was checked."""

    broken: tuple[str, ...] = ()
    unchecked: str = ""


class Verdict(NamedTuple):
    """What follows for an upload: why it may not be included, or else what is to be known of it; empty: nothing."""

    objection: str = ""
    note: str = ""


def decide(rule: Installable, found: Found, released_by: str = "") -> Verdict:
    """Decide by a suite's rule; where nothing could be checked, or somebody has released it, nothing is held back."""
    if found.unchecked:
        return Verdict(note=f"whether it can be installed was not checked: {found.unchecked}")
    if not found.broken:
        return Verdict()
    more = f"; and {len(found.broken) - _SHOWN} more" if len(found.broken) > _SHOWN else ""
    means = f"cannot be installed: {'; '.join(found.broken[:_SHOWN])}{more}"
    if released_by:
        return Verdict(note=f"{means}; included nevertheless, for {released_by} released it")
    return Verdict(objection=means) if rule == "hold" else Verdict(note=means)


def architectures(suite: Suite, new: Sequence[Built]) -> list[str]:
    """Name the architectures that have something to check; packages for all alone are checked in the first."""
    built = {one.stanza.architecture for one in new if one.dist == suite.name}
    return sorted(built - {"all"}) or ([suite.architectures[0]] if built else [])


def foreground(suite: Suite, new: Sequence[Built], architecture: str) -> bytes:
    """Give the stanzas that are to be checked."""
    found = (one.stanza for one in new if one.dist == suite.name)
    return b"\n".join(one.text for one in found if one.architecture in (architecture, "all"))


def without(stanzas: Iterable[bytes], replaced: Collection[bytes]) -> bytes:
    """Give the stanzas of a published index that stay when packages of these names come."""
    return b"".join(one for one in stanzas if pieces.name_of(one) not in replaced)


def read(report: str) -> tuple[str, ...]:
    """Read a report: a line for each broken package, with the first reason that it gives."""
    return tuple(f"{one['name']} {one['version']} {_why(one['rest'])}" for one in _BROKEN.finditer(report))


def _why(reasons: str) -> str:
    if missing := _MISSING.search(reasons):
        return f"needs what nothing has: {missing[3]}, a dependency of {missing[1]} {missing[2]}"
    if conflict := _CONFLICT.search(reasons):
        return f"needs what cannot be together: {conflict[1]} {conflict[2]} and {conflict[3]} {conflict[4]}"
    return "is broken"
