"""The first process of an environment: it makes the fresh root, enters it for good, and then only holds it.

Runs alone, in an interpreter of its own that `first` starts: it makes user, mount, pid, net, ipc and uts namespaces and
is process 1 there, with every capability. It may wait for long to be told what to make. It starts as the service
account, which alone may reach the base and the archive, and is the namespace's root from before the root is entered. It
never runs anything of a package: that comes in later, from outside (`entering`), into a root that has no way back.

Standard input: one value of marshal (`contents.Description`); then "seal" any number of times; its end is the end of
the environment. Standard output: "ready PID" with the process number as the host knows it, "sealed", or what failed.

Every environment pays for each module that is imported here: json, pathlib, shutil, signal and typing would double the
time that this program takes.
"""

from __future__ import annotations

import ctypes
import fcntl
import marshal
import os
import struct
import sys
import time

from daemons.building.roots import mapping
from daemons.building.roots.mapping import SIGKILL, call, libc

# linux/mount.h, linux/prctl.h, linux/sockios.h, linux/if.h, asm-generic/signal.h
NOSUID, NODEV, NOEXEC, BIND, REMOUNT_READ_ONLY, DETACH = 2, 4, 8, 4096, 32 | 4096 | 1, 2
ALL_PRIVATE = 1 << 14 | 1 << 18
PR_SET_DUMPABLE = 4
AF_INET, SOCK_DGRAM, SIOCSIFFLAGS, IFF_UP = 2, 2, 0x8914, 1
SIGCHLD, SIG_IGN = 17, 1


def mount(kind: str, source: str, target: str, flags: int = 0, options: str = "") -> None:
    """Mount. Raises OSError."""
    arguments = source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    call("mount", f"mounting {kind} on {target}", *arguments)


def detach(target: str) -> None:
    """Unmount as soon as nothing uses it, with all that is mounted below. Raises OSError."""
    call("umount2", f"unmounting {target}", target.encode(), DETACH)


def make_root(layers: list[int], writable: int | None, size: int) -> None:
    """Lay a writable root, in memory or in an open directory, over layers and base; make it the current directory."""
    mount("tmpfs", "environment", "mount", 0, f"mode=755,size={size},nr_inodes={size >> 12}")
    place = "mount" if writable is None else f"/proc/self/fd/{writable}"
    for path in ("mount/root", f"{place}/upper", f"{place}/work"):
        os.mkdir(path)
    lower = ":".join([*(f"/proc/self/fd/{layer}" for layer in layers), "root"])
    # userxattr: without it a user namespace cannot rename or remove what the base holds
    # volatile: what is worth keeping is synced at the end, whatever apt and dpkg ask for
    options = f"lowerdir={lower},upperdir={place}/upper,workdir={place}/work,userxattr,volatile"
    mount("overlay", "environment", "mount/root", 0, options)
    for descriptor in [*layers, *([] if writable is None else [writable])]:
        os.close(descriptor)
    os.chdir("mount/root")


def look_at(directory: str) -> int:
    """Open a directory of the host for mounting; nothing inside ever gets the descriptor."""
    return os.open(directory, os.O_PATH | os.O_DIRECTORY)


def show(directory: int, target: str) -> None:
    """Show an open directory of the host, read-only, and close it."""
    os.makedirs(target, exist_ok=True)
    mount("none", f"/proc/self/fd/{directory}", target, BIND)
    os.close(directory)
    kept = os.statvfs(target).f_flag & (NOSUID | NODEV | NOEXEC)  # a user namespace may not take these away
    mount("none", "none", target, REMOUNT_READ_ONLY | NOSUID | NODEV | kept)


def make_devices(shm: int) -> None:
    """Mount proc and a small dev of the host's harmless devices."""
    mount("tmpfs", "dev", "dev", NOSUID, "mode=755,size=1m,nr_inodes=1k")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        os.close(os.open(f"dev/{name}", os.O_CREAT | os.O_CLOEXEC))
        mount("none", f"/dev/{name}", f"dev/{name}", BIND)
    os.mkdir("dev/pts")
    mount("devpts", "devpts", "dev/pts", NOSUID | NOEXEC, "newinstance,ptmxmode=666,mode=620,gid=5")
    os.mkdir("dev/shm")
    mount("tmpfs", "shm", "dev/shm", NOSUID | NODEV, f"mode=1777,size={shm}")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, meant in links.items():
        call("symlink", f"linking dev/{name}", meant.encode(), f"dev/{name}".encode())
    try:
        mount("proc", "proc", "proc", NOSUID | NODEV | NOEXEC)
    except PermissionError:
        sys.exit("parts of this machine's /proc are masked, as in a container: debmill needs all of it to be seen")


def enter_root() -> None:
    """Make the current directory the root and let go of the old one (pivot_root(2), Notes)."""
    call("pivot_root", "entering the root", b".", b".")
    detach(".")
    os.chdir("/")


def write(path: str, content: bytes, mode: int) -> None:
    """Write a file of the fresh root, in the place of what the base has there.

    It is older than anything, and so is its directory: apt makes its cache anew when its sources are newer.
    """
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    remove(path)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC), "wb", buffering=0) as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
        os.utime(file.fileno(), (0, 0))
    os.utime(directory, (0, 0))


def remove(path: str) -> None:
    """Remove a file, or what an odd package has put in its place."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        import shutil

        shutil.rmtree(path)


def add_user(name: str, number: int, directory: str) -> None:
    """Add the plain user who builds, and the directory that is the user's."""
    append("/etc/passwd", f"{name}:x:{number}:{number}::/nonexistent:/bin/sh\n")
    append("/etc/group", f"{name}:x:{number}:\n")
    os.mkdir(directory)
    os.chown(directory, number, number)


def append(path: str, line: str) -> None:
    """Add a line to a file; what an odd package has put in its place does not make us wait."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    with open(descriptor, "ab", buffering=0) as file:
        file.write(line.encode())


def raise_loopback() -> None:
    """Bring `lo` up; a new network namespace has nothing else."""
    any_socket = libc.socket(AF_INET, SOCK_DGRAM, 0)  # the module socket would cost every environment milliseconds
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
    os.close(any_socket)


def forbid_namespaces() -> None:
    """Let nobody inside make a user namespace, in which one could mount, and so fill memory beside every limit."""
    with open("/proc/sys/user/max_user_namespaces", "wb", buffering=0) as setting:
        setting.write(b"0")


def seal(archive: list[str], *, network: bool) -> None:
    """End every process but this one, and hide what only the installation may see."""
    try:
        while True:
            os.kill(-1, SIGKILL)
            time.sleep(0.001)
    except ProcessLookupError:
        pass
    while archive:
        detach(archive.pop())
    forbid_namespaces()  # again, for the root of an installation may have allowed it
    if not network:
        remove("/etc/resolv.conf")


def answer(line: str) -> None:
    """Tell the process that made us."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Hear what to make; make, enter, tell, hold."""
    told = sys.stdin.buffer
    description = marshal.load(told)
    mount("none", "none", "/", ALL_PRIVATE)  # what is mounted outside from now on is not seen
    host_pid = os.readlink("/proc/self")  # this is still the host's proc, so it is the host's number
    opened = {target: look_at(source) for target, source in description["shown"].items()}
    layers = [look_at(layer) for layer in description["layers"]]
    writable = look_at(description["writable"]) if description["writable"] else None
    os.chdir(description["base"])
    mapping.become_root()
    # with the change of user, only who has power over the namespace of our program may look at us: the host's root
    call("prctl", "being looked at", PR_SET_DUMPABLE, 1, 0, 0, 0)
    make_root(layers, writable, description["size"])
    for target, directory in opened.items():
        show(directory, target.lstrip("/"))
    make_devices(description["shm"])
    enter_root()
    forbid_namespaces()
    for file in description["files"]:
        write(**file)
    if description["user"]:
        add_user(**description["user"])
    hostname = description["hostname"].encode()
    call("sethostname", "naming the host", hostname, len(hostname))
    raise_loopback()
    libc.signal(SIGCHLD, ctypes.c_void_p(SIG_IGN))  # orphans are reaped by the kernel
    answer(f"ready {host_pid}")
    shown = list(opened)
    for _ in told:
        seal(shown, network=description["network"])
        answer("sealed")


def run() -> None:
    """Do all of it, or say what failed."""
    try:
        os.umask(0o022)
        mapping.alone()
        main()
    except (OSError, EOFError) as error:
        sys.exit(str(error).partition("] ")[2] or str(error))
    os._exit(0)  # the kernel tidies up faster than an interpreter
