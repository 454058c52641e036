"""Namespaces in which only subordinate ids of the account are known, made by the process that goes into them.

As unshare(1) does with --map-auto, but what it starts to map the ids ends with it, at whatever moment it is killed: the
programs that may do that run outside, so they are started before, and wait for a line on a pipe, or its end.

Runs alone, under an interpreter of its own that has the limits of `inside`.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

# linux/sched.h, linux/mount.h, linux/prctl.h, asm-generic/signal.h
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 1 << 17, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30
ALL_SLAVES = 1 << 14 | 1 << 19
PR_SET_PDEATHSIG, SIGKILL = 1, 9
MAP = "read go && newuidmap $0 0 $1 $2 && exec newgidmap $0 0 $3 $4"  # newuidmap(1)
libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, what: str, *arguments: object) -> None:
    """Call a function of the C library that Python lacks. Raises OSError."""
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def alone() -> None:
    """Become process 1 of new namespaces, with every capability there and the caller's ids. Raises OSError.

    As long as it does nothing more it keeps no file system from being unmounted (slave mounts, mount_namespaces(7)).
    """
    enter(NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS)
    call("mount", "parting from the host's mounts", b"none", b"/", None, ctypes.c_ulong(ALL_SLAVES), None)
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os._exit(0)
    die_with_parent()


def as_root(parent: str, argv: list[str]) -> None:
    """Become root of a new user namespace, and then a program, unless the parent has ended by then. Raises OSError."""
    enter(0)
    become_root()
    if os.getppid() == int(parent):
        os.execvp(argv[0], argv)


def become_root() -> None:
    """Become the namespace's root: from here on nothing of the service account can be reached. Raises OSError."""
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    die_with_parent()  # the change of user has cleared that


def die_with_parent() -> None:
    """Be killed when the parent ends. Raises OSError."""
    call("prctl", "dying with the parent", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)


def enter(namespaces: int) -> None:
    """Go into new namespaces, one of users among them, in which the account's subordinate ids begin with 0.

    From here on we end with the thread that started us. Raises OSError.
    """
    die_with_parent()
    hearing, telling = os.pipe()
    arguments = [str(os.getpid()), *ids("/etc/subuid"), *ids("/etc/subgid")]
    waiting = (os.POSIX_SPAWN_DUP2, hearing, 0)
    mapper = os.posix_spawnp("sh", ["sh", "-c", MAP, *arguments], os.environ, file_actions=[waiting])
    os.close(hearing)
    call("unshare", "making namespaces", NEWUSER | namespaces)
    os.write(telling, b"\n")
    os.close(telling)
    if os.waitpid(mapper, 0)[1]:
        sys.exit("subordinate ids cannot be mapped")


def ids(file: str) -> list[str]:
    """Give the first range of subordinate ids that the account has (subuid(5)): its start and its length."""
    us = pwd.getpwuid(os.geteuid()).pw_name
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            name, *outside = line.strip().split(":")
            if name in (us, str(os.geteuid())) and len(outside) == 2:
                return outside
    sys.exit(f"{file} has no subordinate ids for {us}")


def run(parent: str, *argv: str) -> None:
    """Run a program as root of a user namespace of subordinate ids only, or say why not."""
    try:
        as_root(parent, [*argv])
    except OSError as error:
        sys.exit(str(error).partition("] ")[2])
