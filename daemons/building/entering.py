"""The command lines that make an environment's namespaces and enter them. Pure.

Each starts with a parent-death signal, which fires when the *thread* that started it ends: start them from a thread
that lives as long as the environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from daemons.building.contents import USER

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OUTSIDE = {"PATH": PATH, "LC_ALL": "C"}
INSIDE = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "TERM": "dumb"}  # no TZ: UTC
PYTHON = "/usr/bin/python3"  # Debian's own: no other need be within reach of subordinate ids
_NARROW = {"i386", "armel", "armhf", "mipsel", "powerpc"}  # run by the 64-bit kernel as 32-bit machines
_DYING = ("setpriv", "--pdeathsig", "KILL")


def making(program: Path) -> list[str]:
    """Run a Python program as process 1 of new namespaces, with every capability there and no id of the host's.

    It is still the caller to the host, and to open the caller's files; it becomes the namespace's root by itself.
    """
    namespaces = ("--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child")
    return [*_DYING, "--", "unshare", "--map-auto", "--keep-caps", *namespaces, "--", PYTHON, "-I", "-S", str(program)]


def as_root(pid: str, architecture: str, directory: str, argv: Sequence[str]) -> list[str]:
    """Run a command as root inside, with the host's network."""
    return [*_DYING, "--", *_personality(architecture), *_nsenter(pid, 0, directory), "--", *argv]


def as_user(pid: str, architecture: str, directory: str, argv: Sequence[str]) -> list[str]:
    """Run a command as the plain user, without network; it has no capabilities and can never gain any."""
    enter = _nsenter(pid, USER, directory)
    return [*_DYING, "--no-new-privs", "--", *_personality(architecture), *enter, "--net", "--", *argv]


def mapped(argv: Sequence[str]) -> list[str]:
    """Run a command of the host as root of a user namespace of subordinate ids only."""
    return [*_DYING, "--", "unshare", "--map-auto", "--setuid", "0", "--setgid", "0", "--", *argv]


def _nsenter(pid: str, user: int, directory: str) -> list[str]:
    namespaces = ("--user", "--mount", "--pid", "--ipc", "--uts")
    return ["nsenter", f"--target={pid}", *namespaces, f"--setuid={user}", f"--setgid={user}", f"--wdns={directory}"]


def _personality(architecture: str) -> list[str]:
    return ["setarch", "linux32", "--"] if architecture in _NARROW else []
