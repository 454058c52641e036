"""The archive's signing key, kept and used by gpg; its agent lives only as long as one use, and there is one at a time.

The agent is the child of a process that waits for our end, whatever that is, and ends within seconds of it. A socket's
path may have 108 bytes and gpg puts its agent's into its home, so gpg is told of a home that is too long through a
short link in a temporary directory: the site may lie anywhere.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import NamedTuple, Protocol

from queues import atomic, locks
from queues.problem import Problem

_GPG = ("gpg", "--batch", "--no-tty", "--quiet", "--no-auto-check-trustdb", "--digest-algo", "SHA256")
_AGENT = ("--quiet", "--daemon", "--", "sh", "-c", "echo ready; exec cat")  # gpg-agent(1): ends after this command
_LONGEST = 104 - len("/S.gpg-agent.browser")  # bytes of a home, somewhat below what unix(7) would allow
_SHORT = "/tmp"  # TMPDIR may be as long as the site's own path
Gpg = Callable[[Sequence[str], bytes], bytes]


class SigningFailed(Problem):
    """gpg did not do it; the message is gpg's own."""


class Signed(NamedTuple):
    """A text's signatures: the text with its signature around it (InRelease), and one apart (Release.gpg)."""

    inline: bytes
    detached: bytes


class Signer(Protocol):
    """Who signs Release files."""

    def sign(self, texts: Sequence[bytes]) -> list[Signed]:
        """Sign each text in both forms."""

    def detach(self, files: Sequence[Path]) -> list[bytes]:
        """Sign each file, and give the signature alone, as armored text."""


class ArchiveKey:
    """The archive's key in its GNUPGHOME, of which it is the only secret key."""

    def __init__(self, home: Path) -> None:
        """Name the GNUPGHOME; nothing is made."""
        self.home = home

    def create(self, name: str) -> None:
        """Make the key (Ed25519, for signing, without an end or a passphrase) unless there is one."""
        atomic.make(self.home, 0o700)
        with self._gpg() as gpg:
            if b"\nsec:" not in b"\n" + gpg(["--with-colons", "--list-secret-keys"], b""):
                unlocked = ("--pinentry-mode", "loopback", "--passphrase", "")
                gpg([*unlocked, "--quick-generate-key", name, "ed25519", "sign", "never"], b"")

    def export(self, *, armored: bool) -> bytes:
        """Give the public key, binary (`archive.gpg`) or as text (`archive.asc`)."""
        with self._gpg() as gpg:
            return gpg([*(["--armor"] if armored else []), "--export"], b"")

    def sign(self, texts: Sequence[bytes]) -> list[Signed]:
        """Sign each text in both forms. Raises SigningFailed."""
        with self._gpg() as gpg:
            return [Signed(gpg(["--clearsign"], text), gpg(["--armor", "--detach-sign"], text)) for text in texts]

    def detach(self, files: Sequence[Path]) -> list[bytes]:
        """Sign each file, and give the signature alone, as armored text. Raises SigningFailed."""
        with self._gpg() as gpg:
            return [gpg(["--armor", "--output", "-", "--detach-sign", str(file)], b"") for file in files]

    @contextmanager
    def _gpg(self) -> Iterator[Gpg]:
        if not self.home.is_dir():
            raise SigningFailed(f"{self.home}: no signing key here; `debmill init` makes one")
        # All uses have the same agent, whatever link they come by, and the first to end would end it for the others.
        with locks.held(self.home), _short(self.home.absolute()) as home, _agent(home):
            yield lambda arguments, given: _run([*_GPG, "--homedir", home, *arguments], given)


@contextmanager
def _short(home: Path) -> Iterator[str]:
    """Give a path of a home that leaves room for a socket's name."""
    if len(os.fsencode(home)) <= _LONGEST:
        yield str(home)
        return
    with tempfile.TemporaryDirectory(prefix="debmill-", dir=_SHORT) as short:
        link = Path(short, "gpg")
        atomic.disk.symlink(str(home), link)
        yield str(link)


@contextmanager
def _agent(home: str) -> Iterator[None]:
    """Have an agent that cannot outlive us; one that lives already, for its user has just died, does as well."""
    command = ["gpg-agent", "--homedir", home, *_AGENT]
    with _installed(command):
        agent = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_environment())
    with agent:
        assert agent.stdout is not None
        agent.stdout.readline()
        try:
            yield
        finally:
            for end in ("--kill", "gpg-agent"), ("--remove-socketdir",):
                _run(["gpgconf", "--homedir", home, *end], b"")


def _run(command: Sequence[str], given: bytes) -> bytes:
    with _installed(command):
        ended = subprocess.run(command, input=given, capture_output=True, check=False, env=_environment())
    if ended.returncode != 0:
        raise SigningFailed(f"{command[0]}: {ended.stderr.decode(errors='replace').strip()}")
    return ended.stdout


@contextmanager
def _installed(command: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise SigningFailed(f"{command[0]}: not found; install the Debian package gnupg") from None


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
