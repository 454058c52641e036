"""Asking the gate about an upload: its plan, the results there are, and the others of its set are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from daemons.deciding import gate, results, sets
from daemons.deciding.sets import Mate, Part
from queues import envelope, history
from queues.layout import Spool
from queues.names import Key
from queues.rooms import Room
from queues.values import BuildResult, Plan
from review import together

PLAN = "plan"  # the paper: what the upload is built for, and what its gate asks for
RELEASE = "release"  # the paper: a person said that the gate shall not count
Decision = gate.Decision | Part


def decide(spool: Spool, key: Key, path: Path) -> tuple[Decision, Mapping[str, BuildResult]]:
    """Decide by an upload's own results, and by how the others of its set stand, if it has one.

    Raises Unreadable; FileNotFoundError when it moved on.
    """
    own, found = _alone(spool, key, path)
    bond = together.of(path)
    if bond is None:
        return own, found
    mates = sets.mates(spool, key, bond, history.read(path))
    if isinstance(own, gate.Include):
        mates = [_asked(spool, mate) for mate in mates]
    return sets.decide(own, mates), found


def _alone(spool: Spool, key: Key, path: Path) -> tuple[gate.Decision, Mapping[str, BuildResult]]:
    plan = envelope.read(path, Plan, PLAN)
    found = results.of(spool, key, plan.architectures)
    return gate.decide(plan, found, released=(path / RELEASE).exists()), found


def _asked(spool: Spool, mate: Mate) -> Mate:
    """Say of a member that waits at its gate whether it would pass."""
    found = spool.master.find(mate.key) if mate.stands == "at its gate" else None
    if found is None or found[0] is not Room.WAITING:
        return mate
    own, _ = _alone(spool, mate.key, spool.master.where(*found))
    return replace(mate, stands="passed") if isinstance(own, gate.Include) else mate
