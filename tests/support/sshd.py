"""A live sshd with the shipped configuration, in a mount namespace whose /etc and /srv/landing are its own.

Accounts are made by the shipped script in a copy of /etc, so the machine's own accounts are left alone. The landing
places lie in a directory of the caller's, which is /srv/landing in there.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.tools import Ran, run
from tests.support.units import Systemd, systemd

SHIPPED = Path(__file__).resolve().parents[2] / "etc/sshd"
PATIENCE = 30.0  # seconds
UNIT = SHIPPED / "debmill-sshd.service"
_PLACES = """\
set -e
mount --bind "$1/etc" /etc
mkdir -p /srv
mount -t tmpfs -o mode=0755 none /srv
mkdir /srv/landing
mount --bind "$2" /srv/landing
"""
_ENTER = f"""\
{_PLACES}
mount -t tmpfs -o mode=0755 none /run
mkdir /run/sshd
shift 2
exec "$@"
"""


class Sshd:
    """The server of one site, and the accounts that it knows."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.port = _free_port()
        self.config = work / "sshd_config"
        self.log = work / "sshd.log"
        run(["cp", "-a", "/etc", work / "etc"])

    def configure(self, site: Path, landing: Path) -> None:
        """Write the shipped configuration for a site; root makes the directory of the landing places."""
        self.landing = landing
        landing.mkdir()
        text = (SHIPPED / "sshd_config").read_text()
        for shipped, here in {
            "0.0.0.0:2222": f"127.0.0.1:{self.port}",
            "/srv/mill": str(site),
        }.items():
            assert shipped in text
            text = text.replace(shipped, here)
        self.config.write_text(text)

    def add(self, name: str) -> None:
        """Make an account as the administrator does."""
        run(self._inside(SHIPPED / "add-uploader", name))

    def inside(self, *argv: str | Path) -> Ran:
        """Run a command as root where the accounts are known."""
        return run(self._inside(*argv))

    @contextmanager
    def by_unit(self, work: Path) -> Iterator[tuple[Systemd, int]]:
        """Have a systemd that serves with the shipped unit, on a port of its own. Raises NoSystemd."""
        port = _free_port()
        config = self.work / "etc/debmill/sshd_config"
        config.parent.mkdir()
        config.write_text(self.config.read_text().replace(f":{self.port}\n", f":{port}\n"))
        (work / "stubs").mkdir()
        shutil.copy(UNIT, work / "stubs")
        with systemd(work, Path("/bin/false"), "") as manager:
            manager.inside("sh", "-c", _PLACES, "sh", str(self.work), str(self.landing))
            manager("start", UNIT.name)
            yield manager, port

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve."""
        with self.log.open("ab") as log:
            argv = [str(word) for word in self._inside("/usr/sbin/sshd", "-D", "-e", "-f", self.config)]
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._wait(process)
            yield
        finally:
            process.terminate()
            process.wait()

    def _inside(self, *argv: str | Path) -> list[str | Path]:
        return ["unshare", "--mount", "sh", "-c", _ENTER, "sh", self.work, self.landing, *argv]

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and process.poll() is None:
            if f":{self.port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text():
                return
            time.sleep(0.02)
        raise AssertionError(f"sshd does not listen: {self.log.read_text()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port
