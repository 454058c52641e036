"""The site's journal: one JSON line per transition or note, for people and tools that follow along.

Derived from the histories, never synced, never read to decide anything; it may be deleted at any time. A transition is
logged, too: the daemons' log has the same fields.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened: a transition when `to` names the queue and room an entry came to, else a note.

    `action` is the event of the history; `duration` is how many seconds the work took that ended in the transition: a
    put its writing, a claim its reading, any other the time since the claim.
    """

    at: datetime
    action: str
    entry: str
    origin: str = msgspec.field(name="from", default="")
    to: str = ""
    duration: float | None = None
    facts: dict[str, str] = {}

    def __str__(self) -> str:
        """Say it to people."""
        return f"{self.entry} {self.action}: {self.origin} -> {self.to}"


class Journal:
    """An append-only file; a line that cannot be written is said in the log and forgotten."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def write(self, line: Line) -> None:
        """Append one line, and log it when it is a transition."""
        if line.to and log.isEnabledFor(logging.INFO):
            said = {"transition": line}
            log.handle(log.makeRecord(log.name, logging.INFO, "", 0, "%s", (line,), None, extra=said))
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                os.write(descriptor, msgspec.json.encode(line) + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("the journal %s could not be written: %s", self.path, error)
