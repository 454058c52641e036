"""Work that goes on when the command that began it has ended."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from queues.problem import Problem

_READY = b"ready"


def detached(work: Callable[[Callable[[], None]], object]) -> bool:
    """Do the work in a process of its own session; return when it calls its argument, or False when it ends before.

    Until then it has our standard output; what is in its way is said there, on standard error.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_the_child(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        if answer.read() == _READY:
            return True
    os.waitpid(child, 0)
    return False


def _be_the_child(work: Callable[[Callable[[], None]], object], writing: int) -> NoReturn:
    status = 1
    try:
        os.setsid()
        os.chdir("/")
        work(lambda: _let_go(writing))
        status = 0
    except Problem as problem:
        sys.stderr.write(f"debmill: {problem}\n")
    except BaseException:  # noqa: BLE001 -- a child of fork may not return into its parent's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _let_go(writing: int) -> None:
    """Hold nothing of the terminal any more, and say that all is ready."""
    sys.stdout.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    os.write(writing, _READY)
    os.close(writing)
