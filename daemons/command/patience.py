"""Waiting for the second in which the archive may be published again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from archive.inclusion import TooSoon
from queues.clock import utc
from queues.problem import Problem

T = TypeVar("T")
_LONG = 60  # seconds


def in_time(publish: Callable[[], T | TooSoon]) -> T:
    """Publish, and again when it was too soon after the last publication. Raises Problem when that is of the future."""
    while isinstance(outcome := publish(), TooSoon):
        wait = (outcome.not_before - utc()).total_seconds()
        if wait > _LONG:
            raise Problem(f"the last publication is of {outcome.not_before:%F %T} UTC: is the clock wrong?")
        time.sleep(max(wait, 0))
    return outcome
