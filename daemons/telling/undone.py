"""What became of a publication when its suite went back: read from the records of rollbacks. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from archive.keeping.records import Rollback
from archive.snapshot import SnapshotId


def undone(suite: str, published: str, rollbacks: Mapping[SnapshotId, Rollback]) -> list[str]:
    """Tell of each rollback that took a publication of a suite back, or brought it again."""
    later = {snapshot: what for snapshot, what in sorted(rollbacks.items()) if what.suite == suite}
    told, there = [], True
    for snapshot, what in ((one, what) for one, what in later.items() if one > published):
        is_there = _has(what.restored, published, later)
        if is_there != there:
            verb = "came back" if is_there else "was taken back"
            told.append(f"it {verb} with {snapshot}, for {suite} went to {what.restored}, by {what.by}: {what.reason}")
        there = is_there
    return told


def _has(snapshot: SnapshotId, published: str, rollbacks: Mapping[SnapshotId, Rollback]) -> bool:
    """Say whether a snapshot has what was published: no rollback lies between, or the last led to one that has it."""
    between = [one for one in rollbacks if published < one <= snapshot]
    return _has(rollbacks[max(between)].restored, published, rollbacks) if between else snapshot >= published
