"""What is published again without being asked for: a Release that will expire, indices that grew out of order."""

from __future__ import annotations

from datetime import datetime, timedelta

from archive.catalogue import Catalogue
from archive.indices.index import Index
from archive.snapshot import SnapshotId, date
from queues.values import Suite

LOOSE = 64 << 10  # bytes of text in a suite's indices that are worth putting in order


def is_due(suite: Suite, current: SnapshotId | None, now: datetime) -> bool:
    """Say whether half of the time is over for which a suite's Release is valid."""
    half = timedelta(days=suite.valid_days) / 2
    return bool(half) and current is not None and now - date(current) >= half


def is_loose(published: Catalogue) -> bool:
    """Say whether a suite's indices have become worth putting in order. Raises indices.Damaged."""
    return sum(index.loose for index in published.shelves.values() if isinstance(index, Index)) >= LOOSE
