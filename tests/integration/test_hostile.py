"""Builds that try to harm or to get out: each ends with the right words, within its limits, and leaves nothing."""

from __future__ import annotations

import ctypes
import io
import os
import select
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from daemons.building.builds.build import Settings, build
from daemons.building.environment import Ended, Limits, LocalArchive, Refused
from daemons.building.layers.installing import Layered
from daemons.building.roots import keyring, memory, meter
from daemons.building.roots.overlay import Overlay
from queues.clock import utc
from queues.values import BuildResult
from tests.support import tiny
from tests.support.account import unprivileged
from tests.support.bases import base_of, layers

pytestmark = pytest.mark.integration

LIMITS = Limits(
    seconds=60, idle=30, output=1 << 20, memory=300 << 20, processes=60, disk=200 << 20, shm=16 << 20, results=64 << 20
)


def parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def children(of: set[int]) -> set[int]:
    return {int(path.name) for path in Path("/proc").glob("[0-9]*") if parent(path) in of}


class Witness:
    """Remembers each environment of this process that is there while it is asked, by a descriptor of its process 1.

    When that one has ended, the kernel has ended all others of its namespace (pid_namespaces(7)).
    """

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}

    def __call__(self) -> None:
        for number in children(children({os.getpid()})) - set(self.seen):
            with suppress(ProcessLookupError):
                self.seen[number] = os.pidfd_open(number)

    def left(self) -> list[object]:
        """Name processes and mounts that are left. Raises AssertionError when it never saw an environment."""
        assert self.seen
        alive = [number for number, descriptor in self.seen.items() if not select.select([descriptor], [], [], 0)[0]]
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        return [*alive, *(line for line in mounts if line.startswith("environment "))]


def outcome_of(work: Path, dsc: Path, *, archives: Sequence[LocalArchive] = (), limits: Limits = LIMITS) -> BuildResult:
    """Build, and see that nothing of it is left."""
    (work / "out").mkdir()
    witness = Witness()
    fresh = Layered(base_of("amd64"), archives, utc, watch=witness, cache=layers())
    outcome = build(fresh, tiny.job(dsc, "amd64"), work, work / "out", utc, Settings(limits))
    assert isinstance(outcome, BuildResult), f"{outcome}\n{log_of(work)[-3000:]}"
    assert witness.left() == []
    return outcome


def log_of(work: Path) -> str:
    return next((work / "out").glob("*.log")).read_text(errors="replace")


FILL = "perl -e '$$x = q(x) x (80 << 20); sleep 99'"


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("perl -e 'push @x, q(x) x (1 << 20) while 1'", "it used more than 300 MiB of memory"),
        (f"for i in 1 2 3 4 5; do {FILL} & done; wait", "it used more than 300 MiB of memory"),
        ("perl -e 'fork while 1'", "it had more than 60 processes"),
        ("setsid perl -e '$$SIG{TERM} = q(IGNORE); fork while 1' >/dev/null 2>&1 & sleep 99", "more than 60 processes"),
        ("cat /dev/zero >/tmp/filler; sleep 99", "it filled its disk, 200 MiB"),
        ("mkdir x; cd x; seq 1000000 | xargs touch", "it filled its disk"),
        ("cat /dev/zero >/dev/shm/filler; sleep 99", "it filled /dev/shm, 16 MiB"),
        ("yes | head -c 5G", "it wrote more than 1048576 bytes of log"),
    ],
    ids=["hog", "hogs", "bomb", "hidden-bomb", "disk", "inodes", "shm", "output"],
)
@unprivileged
def test_a_build_is_ended_at_its_limit(work: Path, recipe: str, words: str) -> None:
    outcome = outcome_of(work, tiny.source(work, arch=recipe))
    assert (outcome.verdict, outcome.phase) == ("failed", "build")
    assert words in outcome.reason, log_of(work)
    assert f"failed: {outcome.reason}" in log_of(work)


@pytest.mark.parametrize(
    ("recipe", "limits", "words"),
    [
        ("sleep 99", replace(LIMITS, idle=2), "it wrote nothing for 2 seconds"),
        (
            "perl -e '$$SIG{$$_} = q(IGNORE) for keys %SIG; $$| = 1; print qq(here\\n) while sleep 1'",
            replace(LIMITS, seconds=3),
            "it took longer than 3 seconds",
        ),
    ],
    ids=["silent", "deaf"],
)
@unprivileged
def test_a_build_that_does_not_end_is_ended(work: Path, recipe: str, limits: Limits, words: str) -> None:
    outcome = outcome_of(work, tiny.source(work, arch=recipe), limits=limits)
    assert (outcome.verdict, outcome.phase, outcome.reason) == ("failed", "build", words)


@pytest.mark.parametrize(
    "fill", ["head -c 100M /dev/zero >/tmp/filler", "mkdir x; cd x; seq 20000 | xargs touch"], ids=["bytes", "files"]
)
@unprivileged
def test_a_build_on_disk_has_the_limit_of_its_own_layer(work: Path, monkeypatch: pytest.MonkeyPatch, fill: str) -> None:
    """Files count, too: empty ones take no bytes, but what the disk has of them is everybody's."""
    monkeypatch.setattr(memory, "choose", lambda *_: memory.Room(True, "on disk, for a test"))
    outcome = outcome_of(work, tiny.source(work, arch=f"{fill}; sleep 99"), limits=replace(LIMITS, disk=64 << 20))
    assert outcome.verdict == "failed"
    assert outcome.reason == "it filled its disk, 64 MiB"


@unprivileged
def test_what_others_give_back_hides_nothing_of_a_build(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "choose", lambda *_: memory.Room(True, "on disk, for a test"))
    monkeypatch.setattr(meter, "_used", lambda _: (0, 0))
    recipe = "head -c 100M /dev/zero >/tmp/filler; sleep 99"
    outcome = outcome_of(work, tiny.source(work, arch=recipe), limits=replace(LIMITS, disk=64 << 20))
    assert outcome.reason == "it filled its disk, 64 MiB"


@unprivileged
def test_a_build_that_leaves_a_daemon_is_built_and_the_daemon_is_gone(work: Path) -> None:
    daemon = "perl -e 'exit if fork; $$SIG{TERM} = q(IGNORE); setpgrp; sleep 9999'; setsid sleep 9999 &"
    outcome = outcome_of(work, tiny.source(work, arch=daemon))
    assert outcome.verdict == "built", log_of(work)


@unprivileged
def test_a_build_can_make_nothing_in_dev(work: Path) -> None:
    outcome = outcome_of(work, tiny.source(work, arch="echo hello >/dev/mine"))
    assert outcome.verdict == "failed"
    assert outcome.reason.endswith("/dev/mine: Permission denied")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ("mkfifo", "not a regular file"),
        ("mkdir", "not a regular file"),
        ("ln -s /dev/zero", "not a regular file that can be read"),
        ("ln -s /etc/passwd", "not a regular file that can be read"),
        ("truncate -s 1G", "larger than what is left of the limit"),
    ],
    ids=["fifo", "directory", "device", "link", "huge"],
)
@unprivileged
def test_what_is_no_result_is_not_taken_for_one(work: Path, make: str, words: str) -> None:
    with Overlay(base_of("amd64"), limits=LIMITS) as environment:
        assert environment.run(["sh", "-c", f"{make} result"], log=io.BytesIO(), limits=LIMITS).well
        with pytest.raises(Refused, match=f"result: {words}"):
            environment.collect(["result"], work, LIMITS)
    assert list(work.iterdir()) == []


# Prints ESCAPED for each way out of an environment that is found, as root of it or not; SECRET, KEY and NAME are a
# file, a key and an abstract socket of the host.
PROBE = r"""#!/usr/bin/perl
use Socket;
sub escaped { print "ESCAPED by @_\n" }
sub look {
    for my $up (0 .. 40) { escaped(@_) if -e ("../" x $up) . substr("SECRET", 1) or -e "SECRET" }
}
sub contents { open my $file, "<", shift or return ""; local $/; <$file> }
look("the root itself");
for my $link (glob "/proc/[0-9]*/{root,cwd,fd/*}") { chdir $link and look($link) }
for my $line (glob "/proc/[0-9]*/cmdline") { escaped($line) if contents($line) =~ m{pytest|SECRET} }
for my $entry (glob "/dev/*") {
    escaped($entry) if $entry !~ m{^/dev/(null|zero|full|u?random|tty|pts|shm|ptmx|fd|std(in|out|err))$};
}
for my $file (qw(/proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches /dev/mem /dev/kmsg)) {
    escaped($file) if open my $opened, "+<", $file;
}
escaped("mknod") if `mknod /tmp/zero c 1 5 2>/dev/null && head -c 1 /tmp/zero 2>/dev/null` ne "";
escaped("a user namespace") if system("unshare --user true 2>/dev/null") == 0;
my $read = "x" x 100;
escaped("a key") if syscall(250, 11, KEY, $read, 100) > 0;  # keyctl(KEYCTL_READ) of amd64
if ($> == 1001 or $ENV{FAKEROOTKEY}) {
    escaped("ptrace") if syscall(101, 16, 1, 0, 0) == 0;  # ptrace(PTRACE_ATTACH) of amd64
    socket my $socket, PF_UNIX, SOCK_STREAM, 0;
    escaped("a socket") if connect $socket, pack_sockaddr_un("\0NAME");
    escaped("a mount") if system("mount -t tmpfs none /mnt 2>/dev/null") == 0;
    escaped("the base") if open my $opened, ">>", "/bin/true";
}
mkdir "/tmp/cell"; chdir "/";
if (chroot "/tmp/cell") { look("chroot"); chdir ".." for 1 .. 40; chroot "."; look("chroot and ..") }
open my $directory, "<", "/"; chdir "/tmp"; chroot "/tmp" and chdir $directory and look("fchdir");
print "PROBED $>\n";
"""


class Host:
    """What an environment must not reach: a file of the account, a key in its session keyring, an abstract socket."""

    def __init__(self, work: Path) -> None:
        self.secret = work / "secret"
        self.secret.write_text("of the service\n")
        self.name = f"debmill-test-{os.getpid()}"
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(f"\0{self.name}")
        self.socket.listen()
        keyring.renew()
        libc = ctypes.CDLL(None)
        self.key = libc.syscall(248, b"user", b"debmill-test", b"hush", 4, -3)  # add_key(2) of amd64
        assert self.key > 0
        assert libc.syscall(250, 11, self.key, ctypes.create_string_buffer(9), 9) == 4, "we could read it"

    @property
    def probe(self) -> str:
        return PROBE.replace("SECRET", str(self.secret)).replace("KEY,", f"{self.key},").replace("NAME", self.name)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of its system calls are in the probe")
@unprivileged
def test_neither_rules_nor_a_postinst_find_a_way_out(work: Path) -> None:
    host = Host(work)
    postinst = f"{host.probe}exit 0;\n"
    key = tiny.repository(work / "archive", [tiny.binary(work, "probing", {"postinst": postinst})])
    archive = LocalArchive(work / "archive", "local", ("main",), key, "snapshots/1")
    dsc = tiny.source(work, fields="Build-Depends: probing", files={"probe": host.probe}, arch="perl ./probe 2>&1")
    outcome = outcome_of(work, dsc, archives=[archive], limits=replace(LIMITS, processes=200, memory=1 << 30))
    said = log_of(work)
    assert outcome.verdict == "built", said
    assert said.count("PROBED") == 2, said
    assert "ESCAPED" not in said
    assert host.secret.exists()


@unprivileged
def test_other_builds_go_on_and_are_out_of_reach() -> None:
    ends: list[Ended] = []
    with Overlay(base_of("amd64"), limits=LIMITS) as calm, Overlay(base_of("amd64"), limits=LIMITS) as wild:
        bomb = threading.Thread(target=lambda: ends.append(run(wild, "touch /tmp/mine; perl -e 'fork while 1'")))
        bomb.start()
        while bomb.is_alive():
            assert run(calm, "for i in 1 2 3 4 5 6 7 8; do true | cat & done; wait; test ! -e /tmp/mine").well
        bomb.join()
    assert ends[0].how == "processes"


def run(environment: Overlay, script: str) -> Ended:
    return environment.run(["sh", "-c", script], log=io.BytesIO(), limits=LIMITS)


@pytest.mark.parametrize("allowed", [False, True])
@unprivileged
def test_only_a_package_that_may_has_the_network_of_the_host(allowed: bool) -> None:
    log = io.BytesIO()
    with Overlay(base_of("amd64"), limits=LIMITS, network=allowed) as environment:
        assert environment.run(["sh", "-c", "cat /proc/net/dev /etc/resolv.conf; true"], log=log, limits=LIMITS).well
    assert all((line in log.getvalue().decode()) == allowed for line in interfaces() - {"lo"})
    assert (Path("/etc/resolv.conf").read_text() in log.getvalue().decode()) == allowed


def interfaces() -> set[str]:
    return set(os.listdir("/sys/class/net"))
