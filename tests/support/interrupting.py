"""One process that is interrupted by another, at each step where it sees or changes what both share.

A step is a look into a directory or an envelope, or a call that changes the disk. The interruption runs to its end; so
there is none while the first holds a lock for which the other would have to wait.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest

from archive.snapshot import Tree
from queues import atomic, envelope, history, locks, recovery

CALLS = ("create", "link", "rename")  # what others may see of a process
Work = Callable[[], object]


class _Steps:
    """Counts the steps of one process, and lets another act before the one number `at`."""

    def __init__(self, at: int, other: Work) -> None:
        self.at = at
        self.other = other
        self.number = 0
        self.locks = 0
        self.last = ""

    def counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Make a call a step."""

        def step(*args: Any, **kwargs: Any) -> Any:
            if self.number < self.at and not self.locks:
                self.number += 1
                if self.number == self.at:
                    self.last = f"before step {self.at}: {name}{args}"
                    self.other()
            return call(*args, **kwargs)

        return step

    def alone(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Make all that a function does no step, for it holds a lock meanwhile."""

        def undisturbed(*args: Any) -> Any:
            with self.locked(nullcontext)():
                return call(*args)

        return undisturbed

    def locked(self, lock: Callable[..., AbstractContextManager[None]]) -> Callable[..., AbstractContextManager[None]]:
        """Make what is done under a lock one step with taking it."""

        @contextmanager
        def held(*args: Any) -> Iterator[None]:
            with lock(*args):
                self.locks += 1
                try:
                    yield
                finally:
                    self.locks -= 1

        return held


def interruptions(work: Work, other: Work, *, fresh: Work, every: int = 1) -> Iterator[str]:
    """Run `work` again and again on what `fresh` prepares; `other` acts once, before each of its steps in turn,
    or before every so manieth.

    Yields after each run with a description; stops when `work` has fewer steps.
    """
    for number in itertools.count(1, every):
        fresh()
        steps = _Steps(number, other)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "listdir", steps.counted("listdir", os.listdir))
            patch.setattr(envelope, "read", steps.counted("read", envelope.read))
            patch.setattr(history, "carried", steps.counted("carried", history.carried))
            patch.setattr(locks, "held", steps.locked(locks.held))
            patch.setattr(Tree, "lock", steps.locked(Tree.lock))
            patch.setattr(recovery, "_leftovers", steps.alone(recovery._leftovers))
            for name in CALLS:
                patch.setattr(atomic.disk, name, steps.counted(name, getattr(atomic.disk, name)))
            work()
        if not steps.last:
            assert number > 1, "the work sees and changes nothing"
            return
        yield steps.last
