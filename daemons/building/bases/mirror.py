"""The Debian mirror that this machine's own apt uses, asked of apt itself so that each of its settings counts.

No mirror is written here: a machine whose apt knows none cannot make a base.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from queues import control
from queues.problem import Problem

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_FIELDS = ("REPO_URI", "CODENAME", "SUITE", "RELEASE", "COMPONENT", "ORIGIN", "LABEL", "SOURCESENTRY")
_FORMAT = "\t".join(f"$({field})" for field in _FIELDS)
_PROXY = re.compile(r"Acquire::https?::Proxy(?:::\S+)? ")
_SIGNED_BY = re.compile(r"\[[^]]*\bsigned-by=(\S+?)[\s\]]", re.IGNORECASE)


class NoMirror(Problem):
    """The apt of this machine knows no Debian mirror, or no key for it."""


class Target(Struct, frozen=True):
    """One package list that apt would fetch; `entry` is FILE:NUMBER of the source it comes from."""

    uri: str
    codename: str
    suite: str
    release: str
    component: str
    origin: str
    label: str
    entry: str


class Mirror(Struct, frozen=True):
    """Where a suite of Debian is fetched from, and what its signature is checked with; `proxies` are apt options."""

    uri: str
    signed_by: Path
    proxies: tuple[str, ...] = ()

    def source(self, suite: str) -> str:
        """Give the one-line apt source of the suite's main component."""
        return f"deb [signed-by={self.signed_by}] {self.uri} {suite} main"


def find(suite: str) -> Mirror:
    """Find the mirror of a Debian suite. Raises NoMirror."""
    target = choose(targets(_said(["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"])), suite)
    if target is None:
        raise NoMirror(
            f"apt on this machine knows no Debian mirror, which {suite} needs: is 'apt-get update' still to run?"
        )
    keyring = _signed_by(target) or KEYRING
    if not keyring.exists():
        raise NoMirror(f"{keyring} is not there: install the package debian-archive-keyring")
    proxies = [line for line in _said(["apt-config", "dump"]).splitlines() if _PROXY.match(line)]
    return Mirror(target.uri, keyring, tuple(proxies))


def targets(listed: str) -> list[Target]:
    """Read what apt listed in our format; a field that apt does not know stays as its name."""
    rows = [line.split("\t") for line in listed.splitlines()]
    return [
        Target(*("" if cell.startswith("$(") else cell for cell in row)) for row in rows if len(row) == len(_FIELDS)
    ]


def choose(known: Sequence[Target], suite: str) -> Target | None:
    """Choose the mirror that has the suite itself, else the machine's main Debian mirror (which has all suites)."""
    main = [target for target in known if target.component == "main" and target.origin == target.label == "Debian"]
    having = [target for target in main if suite in (target.codename, target.suite, target.release)]
    return next(iter([*having, *main]), None)


def _signed_by(target: Target) -> Path | None:
    """Read Signed-By of the source that a target comes from, where it is a file (sources.list(5))."""
    path, _, _ = target.entry.rpartition(":")
    text = Path(path).read_bytes() if path else b""
    if path.endswith(".sources"):
        wanted = target.uri.rstrip("/")
        found = [source for source in control.paragraphs(text) if wanted in _uris(source.get("URIs", ""))]
        value = found[0].get("Signed-By", "") if found else ""
    else:
        lines = [line for line in text.decode(errors="replace").splitlines() if target.uri.rstrip("/") in line]
        match = _SIGNED_BY.search("\n".join(lines))
        value = match[1] if match else ""
    return Path(value) if re.fullmatch(r"/\S+", value) else None


def _uris(field: str) -> list[str]:
    return [uri.rstrip("/") for uri in field.split()]


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoMirror(f"{' '.join(command[:2])} failed on this machine: {error}") from None
    return done.stdout.decode(errors="replace")
