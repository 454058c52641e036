"""Environments over this machine's bases: what is inside, what is out of reach, and what is left afterwards."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemons.building.bases import base
from daemons.building.bases.base import BaseInUse
from daemons.building.environment import Broken, Limits, LocalArchive, Refused
from daemons.building.roots.overlay import Overlay
from tests.support import tiny
from tests.support.account import unprivileged
from tests.support.bases import base_of
from tests.support.tools import runs

pytestmark = pytest.mark.integration
LIMITS = Limits(seconds=120)
TOP = Path(__file__).parents[2]


def said_by(environment: Overlay, script: str) -> str:
    log = io.BytesIO()
    ended = environment.run(["sh", "-c", script], log=log, limits=LIMITS)
    assert ended.well, log.getvalue().decode()
    return log.getvalue().decode().strip()


@unprivileged
def test_a_build_is_a_plain_user_that_can_become_nothing_more() -> None:
    with Overlay(base_of("amd64")) as environment:
        assert said_by(environment, "id -u; id -g; id -G; pwd; echo $HOME $LC_ALL $USER $TZ.").split("\n") == [
            *("1001", "1001", "1001", "/build", "/nonexistent C.UTF-8 build ."),
        ]
        status = said_by(environment, "cat /proc/self/status")
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert f"{name}:\t{0:016x}" in status
        assert "NoNewPrivs:\t1" in status
        assert said_by(environment, "fakeroot id -u") == "0"
        assert said_by(environment, "touch /etc/x 2>&1 || true") == "touch: cannot touch '/etc/x': Permission denied"


@unprivileged
def test_only_three_descriptors_are_inherited_and_none_is_a_file_of_the_host() -> None:
    with Overlay(base_of("amd64")) as environment, open("/etc/passwd", "rb") as mine:
        os.set_inheritable(mine.fileno(), True)
        listed = said_by(environment, "for fd in /proc/self/fd/*; do echo ${fd##*/} $(readlink $fd); done")
    found = dict(line.split(" ", 1) for line in listed.splitlines() if len(line.split()) == 2)
    assert set(found) <= {"0", "1", "2"}
    assert found["0"] == "/dev/null"
    assert found["1"].startswith("pipe:")
    assert found["2"].startswith("pipe:")


@unprivileged
def test_a_build_has_no_network_but_a_loopback_that_works() -> None:
    listen = "use IO::Socket; my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => q(127.0.0.1)) or die $!;"
    connect = "IO::Socket::INET->new(PeerAddr => q(localhost), PeerPort => $s->sockport) or die $!; print q(ok)"
    with Overlay(base_of("amd64")) as environment:
        assert said_by(environment, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '") == "lo"
        assert said_by(environment, f"perl -e '{listen} {connect}'") == "ok"
        assert said_by(environment, "getent hosts $(hostname) | awk '{print $NF}'") == "debmill"
        assert said_by(environment, "cat /etc/resolv.conf 2>/dev/null | wc -l") == "0"


@unprivileged
def test_installing_has_the_network_of_the_host() -> None:
    log = io.BytesIO()
    with Overlay(base_of("amd64")) as environment:
        assert environment.administer(["cat", "/proc/net/dev", "/etc/resolv.conf"], log=log).well
    assert set(Path("/proc/net/dev").read_text().split(":")[0].split()) & set(log.getvalue().decode().split())
    assert Path("/etc/resolv.conf").read_text() in log.getvalue().decode()


# Looks for a file of the host by every way that leads out of a plain chroot, as root or not.
ESCAPE = r"""#!/usr/bin/perl
my $wanted = "SECRET";
sub look { my $how = shift;
    for my $up (0 .. 40) { print "ESCAPED by $how\n" if -e ("../" x $up) . substr($wanted, 1) or -e $wanted } }
look("the root itself");
my %done;
for my $link (glob "/proc/[0-9]*/{root,cwd,fd/*}") { chdir $link or next; look($link) }
system("nsenter -t 1 -m -r -- test -e $wanted 2>/dev/null") or print "ESCAPED by nsenter\n";
system("mknod /tmp/disk b 254 0 2>/dev/null") or print "ESCAPED by mknod\n";
mkdir "/tmp/cell"; chdir "/";
if (chroot "/tmp/cell") { look("chroot"); chdir ".." for 1 .. 40; chroot "."; look("chroot and .."); print "TRIED\n" }
open my $directory, "<", "/"; chdir "/tmp"; chroot "/tmp" and chdir $directory and look("fchdir");
chroot "."; system("umount -l / 2>/dev/null"); look("umount");
print "LOOKED\n";
"""


@unprivileged
def test_the_root_of_an_environment_finds_no_way_out(work: Path, secret: Path) -> None:
    script = ESCAPE.replace("SECRET", str(secret))
    key = tiny.repository(work / "archive", [tiny.binary(work, "escaping", {"postinst": script})])
    archive = LocalArchive(work / "archive", "local", ("main",), key, "snapshots/1")
    log = io.BytesIO()
    with Overlay(base_of("amd64"), [archive]) as environment:
        assert environment.administer(["apt-get", "update"], log=log, limits=LIMITS).well, log.getvalue().decode()
        environment.administer(["apt-get", "-y", "install", "escaping"], log=log, limits=LIMITS)
    said = log.getvalue().decode()
    assert "LOOKED" in said, said
    assert "TRIED" in said
    assert "ESCAPED" not in said
    assert secret.exists()


@unprivileged
def test_a_build_finds_no_way_out(secret: Path) -> None:
    with Overlay(base_of("amd64")) as environment:
        said = said_by(
            environment, f"cat >/tmp/escape <<'END'\n{ESCAPE.replace('SECRET', str(secret))}END\nperl /tmp/escape"
        )
    assert "LOOKED" in said
    assert "ESCAPED" not in said


@unprivileged
def test_what_the_installation_left_running_is_ended_before_the_build() -> None:
    with Overlay(base_of("amd64")) as environment:
        environment.administer(["sh", "-c", "setsid sleep 4321 >/dev/null 2>&1 &"], log=io.BytesIO())
        assert said_by(environment, "cat /proc/[0-9]*/comm | sort | uniq -c | grep -c sleep || true") == "0"


@unprivileged
def test_the_base_never_changes() -> None:
    with Overlay(base_of("amd64")) as environment:
        environment.administer(
            ["sh", "-ec", "rm -r /usr/share/doc /etc/debian_version; touch /usr/new"], log=io.BytesIO()
        )
        assert said_by(environment, "ls -d /usr/share/doc /usr/new 2>/dev/null || true") == "/usr/new"
    with Overlay(base_of("amd64")) as environment:
        assert said_by(environment, "ls -d /usr/share/doc /usr/new 2>/dev/null || true") == "/usr/share/doc"


@unprivileged
def test_limits_end_what_runs_and_leave_the_environment_usable() -> None:
    with Overlay(base_of("amd64")) as environment:
        slow = environment.run(["sh", "-c", "sleep 1000 & sleep 1000"], log=io.BytesIO(), limits=Limits(seconds=0.3))
        loud = environment.run(["yes"], log=io.BytesIO(), limits=Limits(output=100_000))
        assert (slow.how, loud.how) == ("time", "output")
        assert said_by(environment, "echo here") == "here"


@unprivileged
def test_only_regular_files_within_the_limit_are_collected(work: Path) -> None:
    with Overlay(base_of("amd64")) as environment:
        said_by(
            environment, "mkfifo fifo; mkdir directory; ln -s /etc/passwd link; echo content >file; mkdir d; touch d/f"
        )
        for name in ("fifo", "directory", "link", "absent", "d/f", "..", "/etc/passwd"):
            with pytest.raises(Refused, match=name):
                environment.collect([name], work, LIMITS)
        with pytest.raises(Refused, match="limit"):
            environment.collect(["file"], work, Limits(results=7))
        assert list(work.iterdir()) == []
        (file,) = environment.collect(["file"], work, Limits(results=8))
    assert file == tiny.reference(work / "file")
    assert (work / "file").stat().st_uid == os.getuid()


@unprivileged
def test_the_end_leaves_no_process_and_no_mount() -> None:
    base_used, mark = base_of("amd64"), 100_000 + os.getpid()
    with Overlay(base_used) as environment:
        leave = f"setsid sleep {mark} >/dev/null 2>&1 & until grep -q sleep /proc/$!/comm; do :; done"
        environment.administer(["sh", "-c", leave], log=io.BytesIO())
        assert runs("sleep", mark)
        first = environment.pid
    assert not runs("sleep", mark)
    assert not Path("/proc", first).exists()
    assert str(base_used.path) not in Path("/proc/mounts").read_text()
    assert list((base_used.path / "mount").iterdir()) == []


# Enters an environment, starts something in it, says which process is its first, and waits to be killed.
HOLDER = """
import sys, io
from pathlib import Path
from daemons.building.bases import base
from daemons.building.roots.overlay import Overlay
from daemons.building.environment import Limits
with Overlay(base.at(Path(sys.argv[1]))) as environment:
    print(environment.pid, flush=True)
    environment.run(["sleep", sys.argv[2]], log=io.BytesIO(), limits=Limits())
"""


@pytest.mark.parametrize("stopped", [False, True])
@unprivileged
def test_an_environment_dies_with_the_process_that_made_it(stopped: bool) -> None:
    mark = 100_000 + os.getpid()
    command = [sys.executable, "-c", HOLDER, str(base_of("amd64").path), str(mark)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=TOP) as holder:
        assert holder.stdout is not None
        pid = int(holder.stdout.readline())
        first = os.pidfd_open(pid)
        if stopped:  # the first process cannot even read the end of its input
            os.kill(pid, signal.SIGSTOP)
        holder.kill()
    assert select.select([first], [], [], 30)[0], "the environment lives on"
    os.close(first)
    assert not runs("sleep", mark)


@unprivileged
def test_a_base_in_use_is_not_removed() -> None:
    used = base_of("amd64")
    with Overlay(used), pytest.raises(BaseInUse, match="in use"):
        base.remove(used)
    assert base.find(used.path.parent, "bookworm", "amd64") == used


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mask a part of /proc")
def test_a_masked_proc_is_explained(unprivileged_base: str) -> None:
    masked = ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /proc/sys; exec "$@"', "sh"]
    account = ["setpriv", "--reuid", "debmill", "--regid", "debmill", "--init-groups"]
    command = [*masked, *account, sys.executable, "-c", HOLDER, unprivileged_base, "1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TOP)
    assert ended.returncode != 0
    assert Broken.__name__ in ended.stderr
    assert "/proc are masked" in ended.stderr


@pytest.fixture
def unprivileged_base(work: Path) -> str:
    """The path of a base, found by the account that may make one."""

    @unprivileged
    def find() -> None:
        (work / "path").write_text(str(base_of("amd64").path))

    find()
    return (work / "path").read_text()
