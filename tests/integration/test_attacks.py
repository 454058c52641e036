"""Attacks on the SFTP server, in a process of its own: each is refused, costs little, and uploaders notice nothing."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest

from daemons.intake.limits import Limits
from tests.support.attacked import Attacked, attacked
from tests.support.attacks import ATTACKS, Attack
from tests.support.reception import reception

pytestmark = pytest.mark.integration

MOST_MEMORY = 32  # MiB that one attack may add
MOST_CPU = 10  # seconds that the server may spend on one; without its bound each takes many times that


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with attacked(tmp_path_factory.mktemp("attacked")) as running:
        assert running.is_well()
        yield running
        assert "Traceback" not in running.said()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused_and_costs_little(server: Attacked, attack: Attack) -> None:
    memory, cpu = server.memory(), server.cpu()
    attack(server)
    assert server.memory() - memory < MOST_MEMORY
    assert server.cpu() - cpu < MOST_CPU
    assert server.is_well()


def test_there_are_descriptors_for_every_file_that_may_be_open(tmp_path: Path) -> None:
    limits, (soft, hard) = Limits(), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))  # as a service manager may have it; the server inherits it
    try:
        with attacked(tmp_path) as server:
            had = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert had > limits.sessions * (1 + limits.channels * limits.handles)


def test_a_running_intake_has_no_root_and_says_by_which_key_it_is_known(tmp_path):
    with reception("attacks", tmp_path) as running:
        mill = running.mill
        state, key = mill.daemons()["intake"], running.road.site / "keys/ssh_host_ed25519_key"
        before, status = key.read_bytes(), Path(f"/proc/{state['pid']}/status").read_text()
        if os.geteuid() == 0:
            assert "\t0\t" not in "".join(line for line in status.splitlines() if line.startswith(("Uid:", "Gid:")))
            assert "CapEff:\t0000000000000000" in status
            assert "CapPrm:\t0000000000000000" in status
        said = running.road.log.read_text()
        for kind in ("sha256", "md5"):
            shown = subprocess.run(
                ["ssh-keygen", "-l", "-E", kind, "-f", key], check=True, capture_output=True, text=True
            )
            assert shown.stdout.split()[1].removeprefix("MD5:") in said
        assert state["detail"].rpartition(":")[2] in said.partition("known_hosts: [127.0.0.1]:")[2].split()[0]
        mill.stop()
        mill.start(running.road.log, "intake")
        assert key.read_bytes() == before
