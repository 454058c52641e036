"""A disk that dies, or refuses: the replaceable object of `queues.atomic`, made to fail at the call of one's choice.

`Died` is no Exception, so nothing that would not run after a SIGKILL handles it; and after it every further call dies
too, as nothing runs in a dead process. A refusal is the OSError of a machine that is not well: once, or from then on.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from queues import atomic

CALLS = (
    "mkdir",
    "create",
    "begin",
    "finish",
    "open_new",
    "append",
    "rename",
    "link",
    "symlink",
    "unlink",
    "rmdir",
    "sync",
    "sync_all",
)

GROWING = ("mkdir", "create", "begin", "open_new", "append", "link", "symlink")  # what a full disk refuses
FULL = (errno.ENOSPC, errno.EDQUOT)
FAULTS = (*FULL, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EACCES)


class Died(BaseException):
    """The process is dead."""


class GuardedDisk(atomic.Disk):
    """Passes every call through `guard`, which may do it or not; `calls` names those that it counted."""

    calls: list[str]

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return partial(self.guard, name, found) if name in CALLS else found

    def guard(self, name: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do a call."""
        raise NotImplementedError


class DyingDisk(GuardedDisk):
    """Dies at the call number `at`, before the call is done (`after=False`) or behind it."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at = at
        self.after = after
        self.calls = []

    def guard(self, name: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.calls.append(name)
        number = len(self.calls)
        if number > self.at or (number == self.at and not self.after):
            raise Died(f"before call {number}: {name}{args}")
        result = call(*args, **kwargs)
        if number == self.at:
            if name == "open_new":
                result.close()  # as the kernel does for the dead
            if name == "begin":
                os.close(result)
            raise Died(f"after call {number}: {name}{args}")
        return result


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


class FailingDisk(GuardedDisk):
    """Refuses the call number `at` with an OSError; `lasting`: the later ones, too, that this error concerns."""

    def __init__(self, at: int, error: int, *, lasting: bool) -> None:
        self.at = at
        self.error = error
        self.lasting = lasting
        self.calls = []

    def guard(self, name: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if name not in GROWING and self.error in FULL:
            return call(*args, **kwargs)
        self.calls.append(name)
        number = len(self.calls)
        if number == self.at or (number > self.at and self.lasting):
            raise OSError(self.error, os.strerror(self.error), f"call {number}: {name}{args}")
        return call(*args, **kwargs)


def faults(work: Callable[[], object], error: int, *, fresh: Callable[[], object]) -> Iterator[str]:
    """Run `work` again and again on what `fresh` prepares, refusing each call, once and for good.

    Yields after each fault, when the machine is well again, with its description; the fault must have reached the
    caller as the OSError it is. Stops when the work was done without meeting its fault.
    """
    for lasting in (False, True):
        number = 0
        while True:
            number += 1
            fresh()
            failing = FailingDisk(number, error, lasting=lasting)
            try:
                with disk(failing):
                    work()
            except OSError as fault:
                if fault.errno != error:
                    raise
                yield f"{fault} lasting: {lasting}"
            else:
                assert len(failing.calls) < number, f"the fault in {failing.calls[-1]} was hidden"
                break
        assert number > 1, "the work changes nothing on disk"
