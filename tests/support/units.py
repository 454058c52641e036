"""The systemd units: read; started as setpriv(1) can start them; and under a systemd of their own.

That systemd is process 1 of namespaces of its own. It sees this machine's files, the units as they are, and nothing
else to do; what it starts dies with it.
"""

from __future__ import annotations

import configparser
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.tools import Ran, run

ETC = Path(__file__).parents[2] / "etc"
UNITS = ETC / "systemd"
PROGRAM = "/usr/local/bin/debmill"  # what units start
DEFAULTS = "/etc/default/debmill"  # what units read
PATIENCE, LOOK = 30.0, 0.05  # seconds
# What services want to be there before them; ours of these names do nothing.
_STUBS = ("sysinit", "basic", "shutdown", "network", "remote-fs", "multi-user")


class NoSystemd(Exception):
    """This machine does not let us have a systemd of our own."""


def service(name: str) -> Mapping[str, str]:
    """Read the settings of a service, each once, as they stand in its unit."""
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",), delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign] -- names keep their case
    parser.read_string((UNITS / name).read_text())
    return dict(parser["Service"])


def services() -> list[str]:
    """Name the files of all services."""
    return sorted(path.name for path in UNITS.glob("*.service"))


def setpriv(name: str, debmill: Path, instance: str = "1") -> list[str]:
    """Give the command line that starts a service with its unit's account, privileges and capabilities."""
    unit = service(name)
    words = ["setpriv", f"--reuid={unit['User']}", f"--regid={unit['User']}", "--init-groups"]
    words += ["--inh-caps=-all", "--ambient-caps=-all"]
    if unit.get("NoNewPrivileges") == "yes":
        words.append("--no-new-privs")
    if unit.get("CapabilityBoundingSet") == "":
        words.append("--bounding-set=-all")
    return [*words, "--", *unit["ExecStart"].replace("%i", instance).replace(PROGRAM, str(debmill)).split()]


class Systemd:
    """A systemd that runs; `work` is a new directory for what it needs."""

    def __init__(self, work: Path, debmill: Path, settings: str) -> None:
        self.log = work / "services.log"
        self.pid = ""
        self._group = _new_group()
        command = ["/bin/sh", "-c", _BOOT, "sh", str(self._group), _stubs(work, self.log), str(debmill), settings]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
            )
        try:
            self._wait_until_it_runs()
        except NoSystemd:
            self.close()
            raise

    def __call__(self, *words: str, check: bool = True) -> Ran:
        """Run systemctl. Raises ToolFailed."""
        return self.inside("systemctl", *words, check=check)

    def inside(self, *words: str, check: bool = True) -> Ran:
        """Run a command where it runs. Raises ToolFailed."""
        return run(["nsenter", f"--target={self.pid}", "--mount", "--pid", "--", *words], check=check)

    def show(self, unit: str, setting: str) -> str:
        """Give one of the properties of a unit."""
        return self("show", "--property", setting, "--value", unit).output.strip()

    def close(self) -> None:
        """End it, and all that it started."""
        if self.pid and self._process.poll() is None:
            os.kill(int(self.pid), signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()
        for path in sorted(self._group.rglob("*/"), reverse=True):
            path.rmdir()
        self._group.rmdir()

    def _wait_until_it_runs(self) -> None:
        deadline = time.monotonic() + PATIENCE
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        while self._process.poll() is None and time.monotonic() < deadline:
            self.pid = children.read_text().strip()
            if self.pid and self("is-system-running", check=False).output.strip() in ("running", "degraded"):
                return
            time.sleep(LOOK)
        raise NoSystemd(self.log.read_text().strip() or "it did not come up")


@contextmanager
def systemd(work: Path, debmill: Path, settings: str) -> Iterator[Systemd]:
    """Have a systemd for a while. Raises NoSystemd."""
    one = Systemd(work, debmill, settings)
    try:
        yield one
    finally:
        one.close()


# Its own control group is the root of all it sees; PROGRAM and DEFAULTS are there for it alone.
_BOOT = f"""
set -e
group=$1 stubs=$2 debmill=$3 settings=$4
echo $$ >"$group/cgroup.procs"
export group stubs debmill settings
exec unshare --pid --fork --kill-child --mount --cgroup --ipc --uts -- /bin/sh -e -c {
    shlex.quote(f'''
mount -t proc proc /proc
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs {Path(PROGRAM).parent}
mount -t tmpfs tmpfs {Path(DEFAULTS).parent}
ln -s "$debmill" {PROGRAM}
printf "%s" "$settings" >{DEFAULTS}
export container=other SYSTEMD_UNIT_PATH="{UNITS}:$stubs" SYSTEMD_GENERATOR_PATH=/nonexistent
exec /lib/systemd/systemd --system --unit=multi-user.target --log-target=null --show-status=no
''')
}
"""


def _new_group() -> Path:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    for _, path, kind, *_ in mounts:
        if kind == "cgroup2":
            group = Path(path, f"debmill-test-{os.getpid()}")
            with suppress(OSError):
                group.mkdir()
                return group
    raise NoSystemd("there is no control group that we may divide")


def _stubs(work: Path, log: Path) -> str:
    stubs = work / "stubs"
    (stubs / "debmill-.service.d").mkdir(parents=True)
    for name in _STUBS:
        (stubs / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    (stubs / "debmill-.service.d/log.conf").write_text(
        f"[Service]\nStandardOutput=append:{log}\nStandardError=append:{log}\n"
    )
    return str(stubs)
