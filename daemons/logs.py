"""Logging of daemons: one line an event on stderr, where systemd or the supervisor's terminal takes it."""

from __future__ import annotations

import logging
import sys


def to_stderr(*, verbose: bool) -> None:
    """Log to stderr; quietly: only warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
