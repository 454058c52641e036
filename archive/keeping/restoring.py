"""Whether a suite can be published again as it was in a snapshot."""

from __future__ import annotations

from archive.catalogue import dists_of
from archive.keeping import comparing, needed
from archive.keeping.records import Rollback
from archive.snapshot import Tree
from queues.problem import Problem
from queues.values import Suite

_SHOWN = 5


class NotRestorable(Problem):
    """A snapshot that a suite cannot go back to; says why."""


def check(tree: Tree, suite: Suite, what: Rollback) -> None:
    """Compare a snapshot with what its suite publishes now: it differs, and the pool has what it names besides.

    Whether the files are the ones that were hashed when they were included is doctor's. Raises NotRestorable.
    """
    if not tree.directory(what.restored, suite.name).is_dir():
        raise NotRestorable(f"{what.restored}: not a publication of {suite.name}; see 'debmill archive snapshots'")
    if tree.current(suite.name) != what.undone:
        raise NotRestorable(f"{suite.name} has just been published anew, as {tree.current(suite.name)}: look again")
    if lost := _lost(tree, suite, what):
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        raise NotRestorable(
            f"{suite.name} cannot become {what.restored}: the pool has lost {', '.join(lost[:_SHOWN])}{more}; "
            "restore them from a backup, or choose another snapshot"
        )


def _lost(tree: Tree, suite: Suite, what: Rollback) -> list[str]:
    pairs = ((tree.directory(what.restored, dist), tree.directory(what.undone, dist)) for dist in dists_of(suite))
    named = {ref for then, now in pairs for one in comparing.only_in(then, now) for ref in needed.files_of(one)}
    found = ((ref, tree.root / ref.name) for ref in sorted(named, key=lambda ref: ref.name))
    return [ref.name for ref, path in found if not path.is_file() or path.stat().st_size != ref.size]
