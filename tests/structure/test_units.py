"""The systemd units as systemd itself reads them, against what the daemons and the design promise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from daemons.command.daemon import command as daemon
from tests.support.tools import run
from tests.support.units import PROGRAM, UNITS, service, services

TARGET = "debmill.target"
BUILDS, EVIDENCE = "debmill-build@.service", "debmill-evidence.service"
MAKE_ENVIRONMENTS = (BUILDS, EVIDENCE)
# Their sandbox. The rest of systemd.exec(5) implies NoNewPrivileges, or takes what an environment is made of.
SAFE_FOR_BUILDS = {"ProtectSystem", "ProtectHome", "PrivateTmp", "ProtectControlGroups", "DevicePolicy"}

_SANDBOX = ("Protect", "Private", "Restrict", "System", "Lock", "Memory", "Capability", "NoNew", "Device", "Proc")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root directory in which the units are installed."""
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    shutil.copytree(UNITS, tmp_path / "etc/systemd/system")
    for program in (PROGRAM, "/bin/kill", "/bin/sh"):
        path = tmp_path / program.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o755)
    return tmp_path


def test_there_is_a_unit_for_each_daemon() -> None:
    commands = {name: service(name)["ExecStart"].split() for name in services()}

    assert {words[2] for words in commands.values()} == set(daemon.commands)
    for name, words in commands.items():
        instance = ["%i"] if "@" in name else []
        assert words == [PROGRAM, "daemon", name[len("debmill-") :].partition(".")[0].rstrip("@"), *instance]


def test_systemd_has_nothing_to_say_against_them(machine: Path) -> None:
    names = [name.replace("@", "@1") for name in services()]
    assert run(["systemd-analyze", "verify", f"--root={machine}", TARGET, *names]).output == ""


def test_enabling_the_target_enables_every_daemon(machine: Path) -> None:
    run(["systemctl", f"--root={machine}", "enable", TARGET])

    wanted = {path.name for path in (machine / f"etc/systemd/system/{TARGET}.wants").iterdir()}
    assert wanted == {name.replace("@", "@1") for name in services()}
    assert (machine / f"etc/systemd/system/multi-user.target.wants/{TARGET}").is_symlink()


@pytest.mark.parametrize("name", services())
def test_only_what_starts_environments_may_gain_privileges(name: str) -> None:
    promised = (service(name).get("NoNewPrivileges"), service(name).get("CapabilityBoundingSet"))

    assert promised == ((None, None) if name in MAKE_ENVIRONMENTS else ("yes", ""))
    assert "AmbientCapabilities" not in service(name)


@pytest.mark.parametrize("name", MAKE_ENVIRONMENTS)
def test_nothing_hinders_a_daemon_in_making_environments(name: str) -> None:
    sandbox = {key for one in services() for key in service(one) if key.startswith(_SANDBOX)}

    assert "RestrictNamespaces" in sandbox
    assert "ProtectProc" in sandbox
    assert sandbox & set(service(name)) <= SAFE_FOR_BUILDS


@pytest.mark.parametrize("name", services())
def test_a_unit_says_how_its_daemon_lives(name: str) -> None:
    unit = service(name)

    assert unit["Type"] == "notify"
    assert unit["WatchdogSec"]
    assert unit["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert (unit["Restart"], unit["RestartForceExitStatus"]) == ("on-failure", "75 SIGHUP")


# What `systemd-analyze security` gave with systemd 252, in tenths, and a little room for other versions.
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("debmill-master.service", 10),
        ("debmill-include.service", 10),
        ("debmill-intake.service", 20),
        ("debmill-notify.service", 20),
        (BUILDS, 86),
        (EVIDENCE, 86),
    ],
)
def test_no_unit_is_more_exposed_than_it_must_be(name: str, most: int) -> None:
    run(["systemd-analyze", "security", "--offline=true", f"--threshold={most}", "--no-pager", UNITS / name])
