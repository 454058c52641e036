"""Tests that must not be root: a function's body runs in a child that has become the service account.

Whatever the child raises, the parent raises again as one AssertionError with the child's traceback.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec

from daemons import account
from daemons.building.bases import unpacking

P = ParamSpec("P")


def unprivileged(test: Callable[P, None], first: Callable[[], object] = lambda: None) -> Callable[P, None]:
    """Run a test as the service account when it was started as root; `first` is done before that is given up."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _be_the_child(first, test, writing, *args, **kwargs)
        os.close(writing)
        with os.fdopen(reading, "rb") as report:
            said = report.read().decode()
        _, status = os.waitpid(child, 0)
        if status != 0:
            raise AssertionError(said or f"the child ended with status {status}")

    return run


def _be_the_child(
    first: Callable[[], object], test: Callable[P, None], writing: int, *args: P.args, **kwargs: P.kwargs
) -> None:
    status = 1
    try:
        first()
        account.give_up_root()
        test(*args, **kwargs)
        status = 0
    except BaseException:  # noqa: BLE001 -- it is raised again in the parent
        os.write(writing, traceback.format_exc().encode())
    finally:
        os._exit(status)


@contextmanager
def room() -> Iterator[Path]:
    """Give a new directory that belongs to the service account and that only it may enter."""
    path = Path(tempfile.mkdtemp(prefix="debmill-test-", dir="/var/tmp"))
    account.own(path)
    path.chmod(0o700)
    try:
        yield path
    finally:
        discard(path)


def discard(path: Path) -> None:
    """Remove a directory, with layers of environments in it, which belong to subordinate ids."""
    if os.geteuid() != 0:
        for layer in (*path.glob("*/*/upper"), *path.glob("*/*/*/upper")):
            unpacking.discard(layer.parent)
    shutil.rmtree(path)
