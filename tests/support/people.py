"""Throw-away people: an OpenPGP key in a gpg home of its own, and an SSH key.

A gpg home is a short folder below the system's temporary one (gpg's agent cannot be reached through a long path), and
goes away with `close`, the agent too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.tools import run


class Person:
    """Somebody with a name, an address, an OpenPGP key and an SSH key; the files lie in `folder`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.address = f"{name}@example.org"
        self.full_name = f"{name.capitalize()} Example"
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.gnupg = Path(tempfile.mkdtemp(prefix="dm-"))
        self.ssh_key = self.folder / "ssh_key"
        self.certificate = self.folder / "openpgp.asc"
        self.fingerprint = self._make_openpgp_key()
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.address, "-f", self.ssh_key])

    @property
    def ssh_public(self) -> Path:
        """The SSH public key's file."""
        return self.ssh_key.with_suffix(".pub")

    @property
    def binary_certificate(self) -> bytes:
        """The OpenPGP public key, without armor."""
        done = subprocess.run(
            ["gpg", "--export", self.address], env={**os.environ, **self.env}, capture_output=True, check=True
        )
        return done.stdout

    def clearsign(self, text: str, into: Path) -> None:
        """Write a signed text, as a .dsc and a .changes are."""
        self._gpg("--clearsign", "--local-user", self.fingerprint, "--output", str(into), stdin=text.encode())

    def sign(self, path: Path) -> Path:
        """Sign a file beside it, as upstream signs its tarballs, and give the signature's file."""
        signature = path.with_name(f"{path.name}.asc")
        self._gpg("--armor", "--detach-sign", "--local-user", self.fingerprint, "--output", str(signature), str(path))
        return signature

    @property
    def env(self) -> dict[str, str]:
        """The environment in which this person's tools run."""
        return {"GNUPGHOME": str(self.gnupg), "DEBFULLNAME": self.full_name, "DEBEMAIL": self.address}

    def close(self) -> None:
        """Stop the agent and remove the gpg home."""
        run(["gpgconf", "--kill", "all"], env=self.env, check=False)
        shutil.rmtree(self.gnupg, ignore_errors=True)

    def _make_openpgp_key(self) -> str:
        user = f"{self.full_name} <{self.address}>"
        self._gpg("--quick-generate-key", user, "ed25519", "sign", "never")
        self._gpg("--armor", "--output", str(self.certificate), "--export", self.address)
        self._gpg("--armor", "--output", str(self.folder / "openpgp-secret.asc"), "--export-secret-keys", self.address)
        listing = self._gpg("--with-colons", "--list-keys", self.address)
        return next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))

    def _gpg(self, *words: str, stdin: bytes = b"") -> str:
        silent = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
        return run(["gpg", *silent, *words], env=self.env, stdin=stdin).output


@contextmanager
def persons(folder: Path, *names: str) -> Iterator[dict[str, Person]]:
    """Have people of these names for a while."""
    made = {name: Person(name, folder) for name in names}
    try:
        yield made
    finally:
        for person in made.values():
            person.close()
