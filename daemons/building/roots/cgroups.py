"""Control groups of builds, where the account was given some: the kernel itself shares the cores and holds limits.

Source: cgroups(7), and the kernel's cgroup-v1 and cgroup-v2 documents. Of version 2, the unit of a builder has a part
of its own (Delegate=); of a hierarchy of version 1 in which nobody put us anywhere, the supervisor takes a part while
it is root. Both look alike from here: our own group is `daemons`, and the account may make others beside it.

A group's memory holds what the build writes to memory as well, so its limit is a wall behind those that are looked at.
"""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

MOUNTS = Path("/sys/fs/cgroup")
OURS, OWN = "debmill", "daemons"
CONTROLLERS = ("cpu", "memory", "pids")
MEMBERS, ENABLED = "cgroup.procs", "cgroup.subtree_control"
_LIMITS = {"memory": ("memory.max", "memory.limit_in_bytes"), "pids": ("pids.max",)}
_EVENTS = ("memory.events", "memory.oom_control")


class Hierarchy(Struct, frozen=True):
    """A hierarchy that this process is in: its controllers, the directory of its group; whether that is the root."""

    controllers: tuple[str, ...]
    group: Path
    at_root: bool = False


class Group:
    """The control group of one environment: a directory in each hierarchy, by controllers; none is a group as well."""

    def __init__(self, directories: Mapping[tuple[str, ...], Path]) -> None:
        self._directories = directories

    @property
    def in_words(self) -> str:
        """Say what the kernel sees to, for a log."""
        controllers = sorted(controller for several in self._directories for controller in several)
        return f"control group: {', '.join(controllers) or 'none'}"

    def joining(self, argv: Sequence[str]) -> list[str]:
        """Give a command line that joins the group and then becomes another."""
        if not self._directories:
            return [*argv]
        join = "".join(f"echo 0 >{shlex.quote(str(path / MEMBERS))}; " for path in self._directories.values())
        return ["sh", "-ec", f'{join}exec "$@"', "sh", *argv]

    def limit(self, memory: int, processes: int) -> None:
        """Set the walls: bytes, and processes with their threads. Raises OSError."""
        for controller, value in (("memory", memory), ("pids", processes)):
            for file in self._files(controller, _LIMITS[controller]):
                file.write_text(str(value))

    def ran_out_of_memory(self) -> bool:
        """Say whether the kernel had to kill something of the group's."""
        counts = [line.split() for file in self._files("memory", _EVENTS) for line in file.read_text().splitlines()]
        return any(name == "oom_kill" and int(count) > 0 for name, count in counts)

    def remove(self) -> None:
        """Remove it, when all its processes have ended."""
        for path in self._directories.values():
            with suppress(OSError):  # in a moment, for another that is made
                path.rmdir()

    def _files(self, controller: str, names: Sequence[str]) -> Iterator[Path]:
        for controllers, path in self._directories.items():
            if controller in controllers:
                yield from (path / name for name in names if (path / name).exists())


def make() -> Group:
    """Make a group for an environment of this process; without directories where the account was given none."""
    directories, name = {}, f"{os.getpid()}.{secrets.token_hex(4)}"
    for hierarchy in hierarchies():
        parent = hierarchy.group.parent
        if hierarchy.group.name == OWN and os.access(parent, os.W_OK):
            _sweep(parent)
            with suppress(OSError):
                (parent / name).mkdir()
                directories[hierarchy.controllers] = parent / name
    return Group(directories)


def settle() -> None:
    """Go into a leaf of the group that a service manager delegated to us: only then may it have others (version 2)."""
    for hierarchy in hierarchies():
        enabled = hierarchy.group / ENABLED
        if hierarchy.group.name != OWN and os.access(enabled, os.W_OK):
            with suppress(OSError):
                (hierarchy.group / OWN).mkdir(exist_ok=True)
                (hierarchy.group / OWN / MEMBERS).write_text("0")
                enabled.write_text(" ".join(f"+{controller}" for controller in hierarchy.controllers))


def take(uid: int, gid: int) -> None:
    """Go, as root, into groups that an account may divide, where no manager of groups put us into one of its own."""
    for hierarchy in hierarchies():
        if hierarchy.at_root and not (hierarchy.group / ENABLED).exists():
            with suppress(OSError):
                ours = hierarchy.group / OURS
                (ours / OWN).mkdir(parents=True, exist_ok=True)
                for path in (ours, ours / OWN, ours / OWN / MEMBERS):
                    os.chown(path, uid, gid)
                (ours / OWN / MEMBERS).write_text("0")


def hierarchies(groups: str | None = None, mounts: Path = MOUNTS) -> list[Hierarchy]:
    """Give the hierarchies that have a controller we use, from /proc/self/cgroup."""
    found = []
    for line in (groups or Path("/proc/self/cgroup").read_text()).splitlines():
        _, listed, path = line.split(":", 2)
        own = _mounted(mounts, listed) / path.lstrip("/")
        has = listed.split(",") if listed else _available(own)
        controllers = tuple(controller for controller in CONTROLLERS if controller in has)
        if controllers and own.is_dir():
            found.append(Hierarchy(controllers, own, path == "/"))
    return found


def _mounted(mounts: Path, controllers: str) -> Path:
    if controllers:
        return mounts / controllers
    return mounts if (mounts / MEMBERS).exists() else mounts / "unified"


def _available(group: Path) -> list[str]:
    """Name the controllers of a group of version 2, for those below it."""
    try:
        return (group / "cgroup.controllers").read_text().split()
    except OSError:
        return []


def _sweep(parent: Path) -> None:
    """Remove the groups of environments that have ended with their builder."""
    for path in parent.iterdir():
        maker = path.name.partition(".")[0]
        if path.is_dir() and maker.isdecimal() and not Path("/proc", maker).exists():
            with suppress(OSError):
                path.rmdir()
