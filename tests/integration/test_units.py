"""The daemons as their systemd units start them: with the units' privileges, and under a systemd of their own.

One package goes the whole road each time. Only root has the units' account and a systemd.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import dropwhile
from pathlib import Path

import pytest

from tests.support.mill import Mill, installed, place, remove_site
from tests.support.notified import Heard
from tests.support.road import SUITE, Road
from tests.support.small import Small
from tests.support.tools import run
from tests.support.units import ETC, NoSystemd, Systemd, service, services, setpriv, systemd

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may become the account of the units"),
]


@contextmanager
def by_setpriv(site: Path, work: Path) -> Iterator[Callable[[str], str]]:
    """Start every service, and wait until it says that it is ready; tells the kernel's status of a service."""
    environment = {**os.environ, "DEBMILL_SITE": str(site)}
    started: dict[str, subprocess.Popen[bytes]] = {}
    told: dict[str, Heard] = {}
    with ExitStack() as stack:
        log = stack.enter_context((work / "log").open("wb"))
        for name in services():
            heard = told[name] = stack.enter_context(Heard())
            command, manager = setpriv(name, installed()), heard.environment(watchdog_usec=4_000_000)
            started[name] = subprocess.Popen(command, env={**environment, **manager}, stderr=log, cwd="/")
            stack.callback(end, started[name])
            heard.until("READY=1")
        yield lambda name: Path(f"/proc/{started[name].pid}/status").read_text()
        since = told["debmill-build@.service"].until("STATUS=idle")
        working = list(dropwhile(lambda line: not line.startswith("STATUS=working"), since))
        assert working.count("WATCHDOG=1") > 1, f"once would be after the build: {since}"


def end(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGQUIT)
    assert daemon.wait(20) == 0


@contextmanager
def by_systemd(site: Path, work: Path) -> Iterator[Callable[[str], str]]:
    """Start every service by a systemd; tells the kernel's status of a service."""
    with ExitStack() as stack:
        try:
            manager = stack.enter_context(systemd(work, installed(), f"DEBMILL_SITE={site}\n"))
        except NoSystemd as reason:
            pytest.skip(f"no systemd of our own: {reason}")
        instances = [name.replace("@", "@1") for name in services()]
        started = manager("start", *instances, check=False)
        assert started.status == 0, f"{started.output}\n{manager.log.read_text()}"
        yield lambda name: status_of(manager, name.replace("@", "@1"))
        manager("reload", *instances)
        Mill(site).wait("every daemon was started anew", lambda: all(is_new(manager, name) for name in instances), 60)
        manager("stop", *instances)
        assert {manager.show(name, "Result") for name in instances} == {"success"}


def test_who_keeps_dying_is_started_again_after_pauses_that_grow(tmp_path: Path) -> None:
    try:
        with systemd(tmp_path, Path("/bin/false"), "") as manager:
            manager("start", "debmill-master", check=False)
            seen = [pause(manager, after) for after in ("", "0", "5")]
            manager("stop", "debmill-master")
    except NoSystemd as reason:
        pytest.skip(f"no systemd of our own: {reason}")
    assert seen == ["0", "5", "10"]


def pause(manager: Systemd, after: str) -> str:
    """Wait until a dying service has another pause before it, and give its seconds."""
    deadline = time.monotonic() + 60
    while True:
        said = manager.inside("cat", "/run/debmill-master/pause", check=False)
        if said.status == 0 and (found := said.output.strip()) not in ("", after):
            return found
        assert time.monotonic() < deadline, said.output
        time.sleep(0.1)


def is_new(manager: Systemd, name: str) -> bool:
    return (manager.show(name, "NRestarts"), manager.show(name, "SubState")) == ("1", "running")


def status_of(manager: Systemd, name: str) -> str:
    return manager.inside("cat", f"/proc/{manager.show(name, 'MainPID')}/status").output


@pytest.mark.parametrize("start", [by_setpriv, by_systemd])
def test_a_package_goes_the_whole_road_with_the_privileges_of_the_units(
    start: Callable[[Path, Path], contextmanager[Callable[[str], str]]], tmp_path: Path
) -> None:
    road = Road(place(f"test-units-{os.getpid()}"))
    try:
        road.make_site(("amd64",))
        road.make_environments()
        with start(road.site, tmp_path) as status:
            for name in services():
                assert privileges(status(name)) == promised(name), name
            upload = Small("millunit").upload(SUITE, road.maintainer, tmp_path)
            road.send(upload)
            road.accept(upload)
            road.wait_until_published(upload)
            assert road.binaries("millunit") == {"amd64": "1.0-1"}
    finally:
        road.close()
        remove_site(road.site)


def privileges(status: str) -> tuple[str, str, bool, bool]:
    """Read real user, new privileges, and whether there are capabilities now, or could be (proc(5))."""
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    user = pwd.getpwuid(int(fields["Uid"].split()[0])).pw_name
    return user, fields["NoNewPrivs"], int(fields["CapEff"], 16) > 0, int(fields["CapBnd"], 16) > 0


def promised(name: str) -> tuple[str, str, bool, bool]:
    makes_environments = name in ("debmill-build@.service", "debmill-evidence.service")
    return service(name)["User"], "0" if makes_environments else "1", False, makes_environments


def test_sysusers_and_tmpfiles_make_what_setup_makes(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    run(["systemd-sysusers", f"--root={tmp_path}", ETC / "sysusers.d/debmill.conf"])
    run(["systemd-tmpfiles", f"--root={tmp_path}", "--create", ETC / "tmpfiles.d/debmill.conf"])
    made = next(line for line in (tmp_path / "etc/passwd").read_text().splitlines() if line.startswith("debmill:"))
    ours = pwd.getpwnam("debmill")

    assert made.split(":")[5:] == [ours.pw_dir, ours.pw_shell]
    for name in ("/var/lib/debmill", "/var/lib/debmill/sites", "/var/cache/debmill"):
        inside, outside = (tmp_path / name[1:]).stat(), Path(name).stat()
        assert str(inside.st_uid) == made.split(":")[2]
        assert inside.st_mode == outside.st_mode
