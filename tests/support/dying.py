"""A disk that dies: the replaceable object of `queues.atomic`, made to end the process's work at one call.

`Died` is no Exception, so nothing that would not run after a SIGKILL handles it; and after it every further call dies
too, as nothing runs in a dead process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from queues import atomic

CALLS = ("mkdir", "create", "open_new", "append", "rename", "link", "symlink", "unlink", "rmdir", "sync")


class Died(BaseException):
    """The process is dead."""


class DyingDisk(atomic.Disk):
    """Dies at the call number `at`, before the call is done (`after=False`) or behind it."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at = at
        self.after = after
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return self._guard(name, found) if name in CALLS else found

    def _guard(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            number = len(self.calls)
            if number > self.at or (number == self.at and not self.after):
                raise Died(f"before call {number}: {name}{args}")
            result = call(*args, **kwargs)
            if number == self.at:
                if name == "open_new":
                    result.close()  # as the kernel does for the dead
                raise Died(f"after call {number}: {name}{args}")
            return result

        return guarded


@contextmanager
def disk(replacement: atomic.Disk) -> Iterator[None]:
    """Put another disk in place of the real one."""
    real, atomic.disk = atomic.disk, replacement
    try:
        yield
    finally:
        atomic.disk = real


def deaths(work: Callable[[], object], *, fresh: Callable[[], object]) -> Iterator[str]:
    """Run `work` again and again on what `fresh` prepares, dying at each call, before and behind it.

    Yields after each death, with its description; stops when the work was done without meeting its death.
    """
    for after in (False, True):
        number = 0
        while True:
            number += 1
            fresh()
            dying = DyingDisk(number, after=after)
            try:
                with disk(dying):
                    work()
            except Died as death:
                yield str(death)
            else:
                assert len(dying.calls) < number
                break
        assert number > 1, "the work changes nothing on disk"
