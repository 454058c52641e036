"""Control groups, as root gives them to the account: real ones, where this machine has hierarchies of version 1."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest

from daemons import account
from daemons.building.builds.build import Settings, build
from daemons.building.environment import Limits
from daemons.building.layers.installing import Layered
from daemons.building.roots import cgroups
from queues.clock import utc
from queues.values import BuildResult
from tests.support import tiny
from tests.support.account import room, unprivileged
from tests.support.bases import base_of, layers

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may give control groups to an account"),
    pytest.mark.skipif(not (cgroups.MOUNTS / "memory").is_dir(), reason="no hierarchies of version 1 here"),
]
MANY = 50
FORKS = """
import os, sys
made = 0
try:
    for made in range(1000):
        if os.fork() == 0:
            sys.stdin.read()
            os._exit(0)
except BlockingIOError:
    sys.exit(made)
"""
# memfd_create(2), by its number on amd64
HIDING = (
    'my $name = "hidden"; open(my $f, ">&=", syscall(319, $name, 0)); '
    'syswrite($f, "x" x 1048576) for 1..1000; print "hid it all"'
)


def taken() -> None:
    """Leave the groups of whoever runs the tests, and take some for the account."""
    for controller in cgroups.CONTROLLERS:
        (cgroups.MOUNTS / controller / cgroups.MEMBERS).write_text("0")
    cgroups.take(*account.ids())


with_groups = partial(unprivileged, first=taken)


def run(group: cgroups.Group, program: str) -> int:
    command = group.joining([sys.executable, "-c", program])
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


@with_groups
def test_the_account_divides_what_it_was_given() -> None:
    group = cgroups.make()
    assert group.in_words == "control group: cpu, memory, pids"
    said = subprocess.run(group.joining(["cat", "/proc/self/cgroup"]), capture_output=True, text=True, check=True)
    assert said.stdout.count(f"/{cgroups.OURS}/{os.getpid()}.") == len(cgroups.CONTROLLERS)
    group.remove()
    assert not list(cgroups.MOUNTS.glob(f"*/{cgroups.OURS}/{os.getpid()}.*"))


@with_groups
def test_what_needs_too_much_memory_is_killed_and_known() -> None:
    group = cgroups.make()
    group.limit(100 << 20, MANY)
    assert run(group, "bytearray(20 << 20)") == 0
    assert not group.ran_out_of_memory()
    hidden = "import os; os.write(os.memfd_create('x'), bytes(60 << 20)); bytearray(60 << 20)"
    assert run(group, hidden) == -9
    assert group.ran_out_of_memory()
    group.remove()


@with_groups
def test_processes_end_at_a_wall() -> None:
    group = cgroups.make()
    group.limit(1 << 30, MANY)
    assert run(group, FORKS) == MANY - 1
    group.remove()


@with_groups
def test_what_a_dead_builder_left_goes_with_the_next_group() -> None:
    child = os.fork()
    if child == 0:
        cgroups.make()
        os._exit(0)
    os.waitpid(child, 0)
    cgroups.make().remove()
    assert not list(cgroups.MOUNTS.glob(f"*/{cgroups.OURS}/{child}.*"))


@unprivileged
def test_without_any_the_log_says_so() -> None:
    group = cgroups.make()
    assert group.in_words == "control group: none"
    assert group.joining(["true"]) == ["true"]


@with_groups
def test_memory_that_no_process_maps_is_memory_of_the_build() -> None:
    hide = f"perl -e '{HIDING}'"
    limits = Limits(seconds=60, memory=100 << 20, disk=100 << 20, shm=16 << 20)
    with room() as work:
        dsc = tiny.source(work, fields="Rules-Requires-Root: no", arch=hide.replace("$", "$$"))
        (work / "out").mkdir()
        fresh = Layered(base_of("amd64"), [], utc, cache=layers())
        outcome = build(fresh, tiny.job(dsc, "amd64"), work, work / "out", utc, Settings(limits))
        log = next((work / "out").glob("*.log")).read_text()
    assert isinstance(outcome, BuildResult), log
    assert (outcome.verdict, outcome.reason) == ("failed", "it used more than 100 MiB of memory"), log
    assert "\ncontrol group: cpu, memory, pids\n" in log
    assert not list(cgroups.MOUNTS.glob(f"*/{cgroups.OURS}/{os.getpid()}.*"))
