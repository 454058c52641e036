"""The bases that tests build on: those of this machine's cache, made once; and where tests keep layers over them."""

from __future__ import annotations

import logging
from pathlib import Path

from daemons.building.bases import base
from daemons.building.bases.base import Base
from daemons.command import bases


def base_of(architecture: str) -> Base:
    """Give the base of bookworm for an architecture; made from the mirror when it is not there."""
    where = bases.cache(None)
    return base.find(where, "bookworm", architecture) or base.create(where, "bookworm", architecture, logging.info)


def layers() -> Path:
    """Give where tests keep indices and layers, so that not every test fetches Debian's package lists."""
    return bases.cache(None) / "tests"
