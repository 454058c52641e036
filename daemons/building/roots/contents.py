"""What a fresh root holds besides its base: host name, apt's and dpkg's settings, sources, the plain user. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from daemons.building.environment import DIRECTORY, LocalArchive

HOSTNAME = "debmill"
KEYRINGS = "/etc/apt/keyrings"
USER = 1001  # the number of the plain user, as the environment knows it

_HOSTS = f"127.0.0.1 localhost {HOSTNAME}\n::1 localhost {HOSTNAME}\n"
_NO_SERVICES = "#!/bin/sh\nexit 101\n"  # invoke-rc.d(8): maintainer scripts start no daemons
_APT = """\
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Get::Build-Dep-Automatic "true";
Dpkg::Use-Pty "false";
Acquire::Languages "none";
"""


class File(Struct, frozen=True):
    """A file written into a fresh root."""

    path: str
    content: bytes
    mode: int = 0o644


class User(Struct, frozen=True):
    """The plain user who builds, and the directory that belongs to it."""

    name: str = "build"
    number: int = USER
    directory: str = DIRECTORY


class Description(Struct, frozen=True):
    """What `inside` is told. `shown` maps directories inside to those of the host that they show until sealed.

    `layers` lie between `base` and the root, the topmost first; the root is in memory unless a directory is named.
    `size` and `shm` are the bytes that it may take in memory, and /dev/shm. `network`: the build may use the host's.
    """

    shown: dict[str, str]
    files: tuple[File, ...]
    base: str = ""
    layers: tuple[str, ...] = ()
    writable: str = ""
    size: int = 0
    shm: int = 0
    network: bool = False
    user: User | None = User()
    hostname: str = HOSTNAME


def describe(archives: Sequence[tuple[LocalArchive, bytes]], resolver: bytes, extra: Sequence[File]) -> Description:
    """Say what a root holds: archives with the octets of their keys, /etc/resolv.conf, files the caller adds."""
    shown = {place(number): str(archive.root) for number, (archive, _) in enumerate(archives)}
    sources = "".join(source(number, archive) for number, (archive, _) in enumerate(archives))
    keys = [File(_key(number, archive.key), octets) for number, (archive, octets) in enumerate(archives) if archive.key]
    files = (
        File("/etc/hosts", _HOSTS.encode()),
        File("/etc/hostname", f"{HOSTNAME}\n".encode()),
        File("/etc/resolv.conf", resolver),
        File("/usr/sbin/policy-rc.d", _NO_SERVICES.encode(), 0o755),
        File("/etc/apt/apt.conf.d/99debmill", _APT.encode()),
        File("/etc/dpkg/dpkg.cfg.d/debmill", b"force-unsafe-io\n"),
        File("/etc/apt/sources.list.d/debmill.list", sources.encode()),
    )
    return Description(shown, (*files, *keys, *extra))


def place(number: int) -> str:
    """Give where an environment sees one of its archives."""
    return f"/srv/archive-{number}"


def _key(number: int, key: Path, keyrings: str = KEYRINGS) -> str:
    return f"{keyrings}/archive-{number}{key.suffix}"


def source(number: int, archive: LocalArchive, keyrings: str = KEYRINGS) -> str:
    """Give the line of sources.list(5) for one of its archives, where its key is seen in `keyrings`."""
    uri = f"file:{place(number)}/{archive.path}".rstrip("/")
    trust = f"signed-by={_key(number, archive.key, keyrings)}" if archive.key else "trusted=yes"
    return f"deb [{trust}] {uri} {archive.suite} {' '.join(archive.components)}\n"
