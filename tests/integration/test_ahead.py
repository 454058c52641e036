"""First processes started ahead of the need: used once, discarded by sanitizing, gone with their builder."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemons import samples, settings
from daemons.building.environment import Limits
from daemons.building.roots.ahead import Ahead
from daemons.building.roots.overlay import Overlay
from daemons.sites import Site
from queues.values import Suite
from tests.support.account import room, unprivileged
from tests.support.bases import base_of
from tests.support.tools import run

pytestmark = pytest.mark.integration
TOP = Path(__file__).parents[2]
SANITIZE = (sys.executable, "-m", "daemons.command", "environment", "sanitize", "--cache")
LOOK = 0.05  # seconds between two looks


def children_of(pid: int) -> set[int]:
    """Give the processes that a process started and that have not ended."""
    return {int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def parent_of(environment: Overlay) -> int:
    """Give the process that made the namespaces of an environment."""
    return int(Path(f"/proc/{environment.pid}/stat").read_text().rpartition(")")[2].split()[1])


@unprivileged
def test_what_was_started_ahead_is_used_once_and_is_like_any_other() -> None:
    with room() as cache, Ahead(lambda: [cache]) as ready:
        ready.prepare()
        before = children_of(os.getpid())
        said = []
        for _ in range(2):
            with Overlay(base_of("amd64"), start=ready.take) as environment:
                log = io.BytesIO()
                script = "test ! -e left && touch left && id -un"
                assert environment.run(["sh", "-c", script], log=log, limits=Limits(seconds=60)).well
                said.append((parent_of(environment) in before, log.getvalue()))
        assert said == [(True, b"build\n"), (False, b"build\n")]
    assert children_of(os.getpid()) == set()


@unprivileged
def test_sanitizing_discards_what_was_started_before_it() -> None:
    with room() as cache, Ahead(lambda: [cache]) as ready:
        ready.prepare()
        old = children_of(os.getpid())
        subprocess.run([*SANITIZE, cache], cwd=TOP, check=True)
        with Overlay(base_of("amd64"), start=ready.take) as environment:
            assert parent_of(environment) not in old
            assert not old & children_of(os.getpid())


@unprivileged
def test_what_died_before_its_use_is_replaced() -> None:
    with room() as cache, Ahead(lambda: [cache]) as ready:
        ready.prepare()
        (started,) = children_of(os.getpid())
        died = os.pidfd_open(started)
        os.kill(started, signal.SIGKILL)
        assert select.select([died], [], [], 30)[0]
        os.close(died)
        with Overlay(base_of("amd64"), start=ready.take) as environment:
            assert environment.run(["true"], log=io.BytesIO(), limits=Limits(seconds=60)).well


WAITING = """
from daemons import settings
from daemons.building.roots.ahead import Ahead
with Ahead(list) as ready:
    ready.prepare()
    print("ready", flush=True)
    input()
"""


@unprivileged
def test_what_nobody_took_dies_with_its_builder() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=TOP
    ) as builder:
        assert builder.stdout is not None
        assert builder.stdout.readline() == b"ready\n"
        left = [os.pidfd_open(pid) for pid in children_of(builder.pid)]
        assert left
        builder.kill()
    for one in left:
        assert select.select([one], [], [], 30)[0], "it lives on"
        os.close(one)


@unprivileged
def test_a_build_daemon_has_one_ready_until_it_ends_and_another_after_sanitizing() -> None:
    with room() as path:
        base = path / "cache/bookworm-amd64-0123456789ab"
        (base / "root").mkdir(parents=True)
        (path / settings.FILE).write_text(samples.sample({"testing": Suite("testing", architectures=("amd64",))}))
        site = Site(path)
        site.spool.create(["amd64"])
        for made in (site.archive / "dists", site.environments, site.run):
            made.mkdir(parents=True, exist_ok=True)
        (site.environments / "bookworm-amd64").symlink_to(base)
        command = [sys.executable, "-m", "daemons.command", "--site", path, "daemon", "build"]
        with subprocess.Popen(command, cwd=TOP, stderr=subprocess.DEVNULL) as daemon:
            try:
                first = os.pidfd_open(ready_of(daemon))
                subprocess.run([*SANITIZE, path / "cache"], cwd=TOP, check=True)
                assert select.select([first], [], [], 20)[0], "it lives on until the timer"
                second = os.pidfd_open(ready_of(daemon))
                daemon.terminate()
                assert daemon.wait(60) == 0
                assert select.select([second], [], [], 30)[0], "it lives on"
            finally:
                daemon.kill()


def ready_of(daemon: subprocess.Popen[bytes]) -> int:
    """Give the process that a daemon has started, as soon as it has."""
    while not (found := children_of(daemon.pid)):
        assert daemon.poll() is None
        time.sleep(LOOK)
    return found.pop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_what_waits_keeps_no_file_system_of_the_host_from_being_unmounted() -> None:
    account = ["setpriv", "--reuid", "debmill", "--regid", "debmill", "--init-groups"]
    with room() as path, mounted(path):
        run(["mount", "--make-shared", path])  # as service managers make the root
        (path / "within").mkdir()
        with (
            mounted(path / "within"),
            subprocess.Popen(
                [*account, sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=TOP
            ) as builder,
        ):
            seen = f"/proc/{first_of(builder)}/mountinfo"
            assert f"{path}/within" in Path(seen).read_text()
            run(["umount", path / "within"])
            assert f"{path}/within" not in Path(seen).read_text()
            run(["mount", "-t", "tmpfs", "none", path / "within"])
            builder.kill()


@contextmanager
def mounted(path: Path) -> Iterator[None]:
    """Have a file system of its own in a directory."""
    run(["mount", "-t", "tmpfs", "none", path])
    try:
        yield
    finally:
        run(["umount", path])


def first_of(builder: subprocess.Popen[bytes]) -> int:
    """Give process 1 of what a builder has started ahead, as soon as it is that."""
    while True:
        for first in children_of(ready_of(builder)):
            if "inside.run" in Path(f"/proc/{first}/cmdline").read_text():
                return first
        time.sleep(LOOK)
