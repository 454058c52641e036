"""The clock, as a value that can be given: only daemons and commands bring the real one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc() -> datetime:
    """Give the present time, aware, in UTC."""
    return datetime.now(UTC)
