"""How commands print tables: as wide as the terminal, or wide enough to cut nothing where there is none."""

from __future__ import annotations

import sys

from rich.console import Console

WIDE = 200  # columns


def console() -> Console:
    """Give the console that tables are printed on."""
    return Console(width=None if sys.stdout.isatty() else WIDE)
