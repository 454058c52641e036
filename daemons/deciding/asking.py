"""Asking the gate about uploads: their plans, the results there are, and the others of their sets are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from msgspec.structs import replace

from daemons.deciding import gate, results, sets
from daemons.deciding.sets import Mate, Part
from queues import envelope, history
from queues.envelope import Unreadable
from queues.layout import Spool
from queues.names import Key
from queues.rooms import Room
from queues.values import BuildResult, Plan, Set
from review import together
from review.together import Found

PLAN = "plan"  # the paper: what the upload is built for, and what its gate asks for
RELEASE = "release"  # the paper: a person said that the gate shall not count
Decision = gate.Decision | Part


class Look:
    """One look at the gates, however many ask in it: how another member of a set stands is found out once."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self._passes: dict[Key, bool] = {}
        self._mates: dict[tuple[Key, Set], Mate] = {}

    def decide(self, key: Key, path: Path) -> tuple[Decision, Mapping[str, BuildResult]]:
        """Decide by an upload's own results as they are now, and by how the others of its set stand, if it has one.

        Raises Unreadable; FileNotFoundError when it moved on.
        """
        own, found = self._alone(key, path)
        bond = together.of(path)
        if bond is None:
            return own, found
        mates = [self._mate(other, bond) for other in sets.others(key, bond, history.read(path))]
        if isinstance(own, gate.Include):
            mates = [self._asked(mate) for mate in mates]
        return sets.decide(own, mates), found

    def _alone(self, key: Key, path: Path) -> tuple[gate.Decision, Mapping[str, BuildResult]]:
        plan = envelope.read(path, Plan, PLAN)
        found = results.of(self.spool, key, plan.architectures)
        own = gate.decide(plan, found, released=(path / RELEASE).exists())
        self._passes[key] = isinstance(own, gate.Include)
        return own, found

    @cached_property
    def _places(self) -> Mapping[Key, Found]:
        return together.places(self.spool)

    def _mate(self, key: Key, bond: Set) -> Mate:
        if (key, bond) not in self._mates:
            self._mates[key, bond] = sets.stand(self.spool, key, bond, self._places)
        return self._mates[key, bond]

    def _asked(self, mate: Mate) -> Mate:
        """Say of a member that waits at its gate whether it would pass."""
        found = self._places.get(mate.key) if mate.stands == "at its gate" else None
        if found is None or found[1] is not Room.WAITING:
            return mate
        if mate.key not in self._passes:
            with suppress(FileNotFoundError, Unreadable):  # it has just moved on, or is held for that when it is asked
                self._alone(mate.key, self.spool.master.where(*found[1:]))
        return replace(mate, stands="passed") if self._passes.get(mate.key) else mate
