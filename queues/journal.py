"""The site's journal: one JSON line per event of any entry, for people and tools that follow along.

Derived from the histories, never synced, never read to decide anything; it may be deleted at any time.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)


class Journal:
    """An append-only file; a line that cannot be written is said in the log and forgotten."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, at: datetime, queue: str, entry: str, event: str, facts: dict[str, str]) -> None:
        """Append one line."""
        line = msgspec.json.encode({"at": at, "queue": queue, "entry": entry, "event": event, **facts}) + b"\n"
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("the journal %s could not be written: %s", self.path, error)
