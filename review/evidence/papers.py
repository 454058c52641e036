"""Where the evidence of an upload lies, and how it is read: the directory `evidence` of its entry.

    facts   JSON, `review.evidence.values.Evidence` with the number of its format, as every paper of an entry
    diff    the difference to the published source: gzip members, zcat(1) shows it whole
    index   JSON, `review.evidence.pages.Index`: where its pages begin and which files differ

It comes in one rename, whole. `digest` is the SHA256 of `facts`, which holds those of `diff` and `index`: a decision
that records it says what the reviewer could see. The evidence travels with the entry, and outlives its files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from queues import envelope, papers
from review.evidence.pages import Reader
from review.evidence.values import Evidence

DIRECTORY, FACTS = "evidence", "facts"


def read(entry: Path) -> Evidence | None:
    """Read the evidence of an entry; None when there is none that can be read."""
    try:
        return envelope.read(entry / DIRECTORY, Evidence, FACTS)
    except (FileNotFoundError, NotADirectoryError, envelope.Unreadable):
        return None


def digest(entry: Path) -> str:
    """Give the SHA256 of an entry's evidence, in hex; empty when there is none."""
    try:
        return hashlib.sha256(papers.read(entry / DIRECTORY / FACTS)).hexdigest()
    except (FileNotFoundError, NotADirectoryError, papers.NotAPaper):
        return ""


def difference(entry: Path) -> Reader | None:
    """Open the diff of an entry; None when there is none."""
    try:
        return Reader(entry / DIRECTORY)
    except (FileNotFoundError, NotADirectoryError, papers.NotAPaper, ValueError):
        return None


def text_of(lines: Sequence[bytes]) -> list[str]:
    """Give lines as they may be shown on a terminal: what steers one is made visible, and tabs are spaces."""
    return ["".join(map(_seen, line.decode(errors="replace").expandtabs(8))) for line in lines]


def _seen(letter: str) -> str:
    if letter.isprintable():
        return letter
    return f"<U+{ord(letter):04X}>"
