"""How a connection moves: whether data still comes, and enough of it. Times are seconds; nothing looks at the clock."""

from __future__ import annotations

from daemons.intake.limits import Limits


class Pace:
    """Judges one connection by the data that came on its channels; anything else it sends is no sign of life."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._last = self._since = now
        self._came = 0  # bytes since `_since`

    def came(self, size: int, now: float) -> None:
        """Note that data came."""
        self._last = now
        self._came += size
        if self._came >= self._limits.slow_bytes:
            self._came, self._since = 0, now

    def complaint(self, now: float) -> str:
        """Say why the connection is to be cut, or nothing."""
        if now - self._last >= self._limits.idle_seconds:
            return f"{now - self._last:.0f} idle seconds"
        if now - self._since >= self._limits.slow_seconds:
            return f"{self._came} bytes in {now - self._since:.0f} seconds"
        return ""

    def next_look(self, now: float) -> float:
        """Give the seconds until there may be a complaint."""
        return max(0.0, min(self._last + self._limits.idle_seconds, self._since + self._limits.slow_seconds) - now)
