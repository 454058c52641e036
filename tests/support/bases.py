"""The bases that tests build on: those of this machine's cache, made once."""

from __future__ import annotations

import logging

from daemons.building import base
from daemons.building.base import Base
from daemons.command import bases


def base_of(architecture: str) -> Base:
    """Give the base of bookworm for an architecture; made from the mirror when it is not there."""
    where = bases.cache(None)
    return base.find(where, "bookworm", architecture) or base.create(where, "bookworm", architecture, logging.info)
