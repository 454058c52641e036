"""Sizes on the command line: bytes, or with K, M, G, T behind a number (powers of 1024)."""

from __future__ import annotations

import re

import click

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size(text: str) -> int:
    """Read a size in bytes. Raises click.BadParameter."""
    match = re.fullmatch(r"([0-9]{1,15})([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise click.BadParameter(f"'{text}' is not a size; write it as 500M or 2G")
    return int(match[1]) * UNITS[match[2].upper()]
