"""Debian changelogs: the entries above a version. Pure. Source: deb-changelog(5)."""

from __future__ import annotations

import re

from msgspec import Struct

from queues import control

LONGEST = 64 << 10  # characters of the entries that are kept
_TITLE = re.compile(
    r"(?P<source>[a-z0-9][a-z0-9+.-]*) \((?P<version>[^() \t]+)\)(?P<suites>(?: [\w.+-]+)+);(?P<rest>.*)"
)


class Entry(Struct, frozen=True):
    """One entry: its version, its distributions, and its whole text."""

    version: str
    distribution: str
    text: str


def read(text: str) -> list[Entry]:
    """Read entries, the newest first; what stands before the first title is left out."""
    found: list[Entry] = []
    lines: list[str] = []
    for line in [*text.splitlines(), None]:
        match = _TITLE.match(line) if line else None
        if (match or line is None) and lines:
            title = _TITLE.match(lines[0])
            assert title is not None
            found.append(Entry(title["version"], title["suites"].strip(), "\n".join(lines).rstrip()))
            lines = []
        if line is not None and (match or lines):
            lines.append(line)
    return found


def above(entries: list[Entry], published: str) -> str:
    """Give the text of the entries of higher versions; of a new source, that of the newest."""
    chosen = [one for one in entries if published and _is_higher(one.version, published)] or entries[:1]
    text = "\n\n".join(one.text for one in chosen)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n[{len(text) - LONGEST} characters more]"


def _is_higher(version: str, published: str) -> bool:
    try:
        return control.compare(version, published) > 0
    except ValueError:
        return False
