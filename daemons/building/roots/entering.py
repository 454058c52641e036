"""The command lines that make an environment's namespaces and enter them. Pure, but for this process's own.

Each starts with a parent-death signal, which fires when the *thread* that started it ends: start them from a thread
that lives as long as the environment.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from pathlib import Path

from daemons.building.environment import Limits
from daemons.building.roots.contents import USER

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OUTSIDE = {"PATH": PATH, "LC_ALL": "C"}
INSIDE = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "TERM": "dumb"}  # no TZ: UTC
PYTHON = "/usr/bin/python3"  # Debian's own: no other need be within reach of subordinate ids
_NO_CORE = 1  # not 0: with that, a core is still piped to a program of the host (core(5)); no file can be so small
_NARROW = {"i386", "armel", "armhf", "mipsel", "powerpc"}  # run by the 64-bit kernel as 32-bit machines
_TOP = Path(__file__).resolve().parents[3]
_DYING = ("setpriv", "--pdeathsig", "KILL")


def making() -> list[str]:
    """Start process 1 of new namespaces, with every capability there and no id of the host's.

    It is still the caller to the host, and to open the caller's files; it becomes the namespace's root by itself.
    """
    return _program("inside.run()")


def as_root(pid: str, architecture: str, directory: str, argv: Sequence[str]) -> list[str]:
    """Run a command as root inside, with the host's network."""
    return [*_DYING, "--", *_personality(architecture), *_nsenter(pid, 0, directory), "--", *argv]


def as_user(pid: str, architecture: str, directory: str, argv: Sequence[str], *, network: bool = False) -> list[str]:
    """Run a command as the plain user, with `lo` or the host's network; it can never gain a capability."""
    enter = [*_nsenter(pid, USER, directory), *([] if network else ["--net"])]
    return [*_DYING, "--no-new-privs", "--", *_personality(architecture), *enter, "--", *argv]


def shell(pid: str, architecture: str, directory: str, *, root: bool, network: bool = False) -> list[str]:
    """Run a shell for a person, who is to be given a terminal; script(1) makes it one of the environment's own."""
    argv = ["script", "--quiet", "--return", "--command", "bash -i", "/dev/null"]
    if root:
        return as_root(pid, architecture, directory, argv)
    return as_user(pid, architecture, directory, argv, network=network)


def limited(limits: Limits) -> list[str]:
    """Begin a command line whose processes come after the service's own, and are the first the kernel ends (choom(1)).

    A process count is per user of one environment (Linux 5.14). It is a wall behind the limit: the looks come first.
    """
    nproc, core = _bound(resource.RLIMIT_NPROC, 2 * limits.processes), _bound(resource.RLIMIT_CORE, _NO_CORE)
    return ["prlimit", f"--nproc={nproc}", f"--core={core}", "choom", "-n", "1000", "--", "nice", "-n", "10"]


def _bound(resource_limit: int, wanted: int) -> int:
    """Give a limit that we may set: none above our own."""
    own = resource.getrlimit(resource_limit)[1]
    return wanted if own == resource.RLIM_INFINITY else min(wanted, own)


def mapped(argv: Sequence[str]) -> list[str]:
    """Run a command of the host as root of a user namespace of subordinate ids only."""
    return [*_program("mapping.run(*sys.argv[1:])"), str(os.getpid()), *argv]


def _program(call: str) -> list[str]:
    """Run a function of `inside` or `mapping`, in an interpreter that heeds nothing of where it runs."""
    module = call.partition(".")[0]
    code = f"import sys; sys.path.append({str(_TOP)!r}); from daemons.building.roots import {module}; {call}"
    return [PYTHON, "-I", "-S", "-c", code]


def _nsenter(pid: str, user: int, directory: str) -> list[str]:
    namespaces = ("--user", "--mount", "--pid", "--ipc", "--uts")
    return ["nsenter", f"--target={pid}", *namespaces, f"--setuid={user}", f"--setgid={user}", f"--wdns={directory}"]


def _personality(architecture: str) -> list[str]:
    return ["setarch", "linux32", "--"] if architecture in _NARROW else []
