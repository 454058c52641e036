"""Overlap with real daemons, where their timing matters: a running build and its newer rival, two builders."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemons.deciding.asking import PLAN
from daemons.process import presence
from queues import envelope, history
from queues.names import EntryName
from queues.rooms import Room
from queues.values import Plan, Upload
from tests.integration.test_stopping import FOREVER, LOOK, TOP, Mill
from tests.support.account import unprivileged
from tests.unit.archive import packages

pytestmark = pytest.mark.integration


def daemon(mill: Mill, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "daemons.command", "--site", str(mill.site.path), "daemon", *words]
    return subprocess.Popen(command, cwd=TOP, stdout=mill.log, stderr=subprocess.STDOUT)


def wait(mill: Mill, true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(LOOK)
        assert mill.daemon.poll() is None, (mill.site.path / "log").read_text()


def with_plan(mill: Mill) -> None:
    """Make the archive that the master asks, and the plan that the first upload waits with."""
    site = mill.site
    site.repository.init(site.spool.clock())
    (name,) = site.spool.master.names(Room.WAITING)
    plan = envelope.encode(Plan(("amd64",), "built"))
    (site.spool.master.where(Room.WAITING, name) / PLAN).write_bytes(plan)


def accepted(mill: Mill, version: str) -> Upload:
    files = mill.site.path / "newer"
    files.mkdir()
    packages.dsc(files, "tiny", version)
    one, queue = packages.upload(files, "tiny", version, "testing"), mill.site.spool.master
    name = EntryName(queue.stamp(mill.site.spool.clock()), one.key)
    assert queue.put(name, one, {ref.name: files / ref.name for ref in one.files})
    return one


@unprivileged
def test_a_newer_upload_ends_the_running_build_of_the_older_one(work: Path) -> None:
    mill = Mill(work, 600_000 + os.getpid(), FOREVER)
    mill.wait_until_it_builds()
    with_plan(mill)
    master, queue = daemon(mill, "master"), mill.site.spool.master
    try:
        newer = accepted(mill, "2.0")
        mill.wait_until_it_is_over()
        wait(mill, lambda: mill.found()[0] is Room.DONE)
        event = history.read(mill.queue.where(*mill.found()))[-1]
        assert event.facts == {"note": "cancelled by tiny 2.0: superseded"}
        wait(mill, lambda: {name.key for name in queue.names(Room.FAILED)} == {mill.job.upload, newer.key})
        past = {name.key: history.read(queue.where(Room.FAILED, name))[-1] for name in queue.names(Room.FAILED)}
        assert (past[mill.job.upload].event, past[mill.job.upload].facts["by"]) == ("superseded", newer.key)
        assert past[newer.key].event == "abandoned", "its source cannot be built"
    finally:
        master.kill()
        master.wait()
        mill.close()


@unprivileged
def test_of_two_builders_one_has_the_job(work: Path) -> None:
    mill = Mill(work, 700_000 + os.getpid(), FOREVER)
    mill.wait_until_it_builds()
    second = daemon(mill, "build", "2")
    try:
        wait(mill, lambda: said(mill).get("build-2") == "idle")
        assert said(mill) == {"build-1": "working", "build-2": "idle"}
        assert mill.events().count("claimed") == 1
    finally:
        second.kill()
        second.wait()
        mill.close()
        mill.wait_until_it_is_over()


def said(mill: Mill) -> dict[str, str]:
    return {state.name: state.state for state in presence.states(mill.site.run)}
