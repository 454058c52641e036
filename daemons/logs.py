"""Logging of daemons, on stderr, where systemd or the supervisor's terminal takes it: JSON, or words on a terminal.

A JSON line has `at`, `level`, `logger` and `pid`, and either the fields of a transition (`queues.journal.Line`) or a
`message`, with its `traceback` if there is one.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as an object."""
        said: dict[str, object] = {"level": record.levelname.lower(), "logger": record.name, "pid": record.process}
        transition = getattr(record, "transition", None)
        if transition is not None:
            return msgspec.json.encode({**said, **msgspec.to_builtins(transition)}).decode()
        said |= {"at": datetime.fromtimestamp(record.created, UTC), "message": record.getMessage()}
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(said).decode()


def to_stderr(*, verbose: bool) -> None:
    """Log to stderr; quietly: only warnings."""
    logging.logThreads = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    words = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(words if sys.stderr.isatty() else Json())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
