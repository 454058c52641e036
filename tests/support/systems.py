"""Uploaders' machines: small Debian systems of two releases with the programs people upload with.

dput and dput-ng cannot be installed together, and each release has its own OpenSSH; so each machine is a clean
environment of its own over a base with these programs (`visit`), with the host's network. It is set up by nothing but
the files that `debmill uploader client` prints and the uploader's own keys, and each visit finds it fresh.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from daemons.building.roots.contents import File
from tests.support.people import Person
from tests.support.tools import Ran, run
from tests.support.visit import Visit

_PATIENCE = 900  # seconds; the first visit makes the system
_PROGRAM = Path(__file__).with_name("visit.py")
HOME = "/root"
FOLDER = "/upload"  # where the files to be sent lie, and where a script starts


@dataclass(frozen=True)
class System:
    """A Debian release and what is installed in it."""

    suite: str
    packages: tuple[str, ...]


_COMMON = ("openssh-client", "gpg", "gpg-agent")
BOOKWORM = System(
    "bookworm", (*_COMMON, "dput", "dupload", "python3-gpg", "gnupg", "curl", "lftp", "putty-tools", "rsync")
)
BOOKWORM_NG = System("bookworm", (*_COMMON, "dput-ng", "python3-paramiko"))
TRIXIE = System("trixie", (*_COMMON, "dput-ng", "python3-paramiko"))


class Machine:
    """A person's machine, set up for one client by what the site printed for it."""

    def __init__(self, system: System, person: Person, printed: dict[str, Any], client: str) -> None:
        self.system = system
        self.client: dict[str, Any] = printed["clients"][client]
        keys = {
            "~/.ssh/id_ed25519": person.ssh_key.read_bytes(),
            "~/.ssh/id_ed25519.pub": person.ssh_public.read_bytes(),
        }
        texts = {path: text.encode() for path, text in {**printed["files"], **self.client["files"]}.items()}
        self._home = [File(path.replace("~", HOME, 1), content, 0o600) for path, content in {**texts, **keys}.items()]

    def run(self, script: str, files: Iterable[Path] = (), signer: Person | None = None, mode: int = 0o644) -> Ran:
        """Run a shell script where the files lie, as the person; the status may be any."""
        visit = self._visit(script, files, signer, mode)
        return visited(visit)

    def start(self, script: str, files: Iterable[Path] = ()) -> subprocess.Popen[bytes]:
        """Start a script; when the process given here is killed, so is everything on the machine."""
        process = subprocess.Popen(
            _argv(), cwd="/", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(self._visit(script, files, None, 0o644)))
        process.stdin.close()
        return process

    def _visit(self, script: str, files: Iterable[Path], signer: Person | None, mode: int) -> Visit:
        brought = [File(f"{FOLDER}/{path.name}", path.read_bytes(), mode) for path in files]
        prepare = f"export HOME={HOME}; mkdir -p {FOLDER}; cd {FOLDER}\n{self.client['once']}\n"
        if signer is not None:
            brought.append(File(f"{HOME}/signer.asc", signer.certificate.read_bytes()))
            prepare += "gpg --quiet --batch --import ~/signer.asc\n"
        return Visit(self.system.suite, self.system.packages, (*self._home, *brought), prepare + script)


def visited(visit: Visit) -> Ran:
    """Run a script in a fresh system; the status may be any."""
    return run(_argv(), cwd=Path("/"), stdin=msgspec.json.encode(visit), check=False, timeout=_PATIENCE)


def _argv() -> list[str]:
    return [sys.executable, "-P", str(_PROGRAM)]
