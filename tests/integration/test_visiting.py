"""Environments opened by hand: started and stopped, on a real terminal, and exactly as a failed build saw its own."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from daemons import buildlogs, samples, settings
from daemons.builder import Builder
from daemons.building.roots import entering
from daemons.sites import Site
from queues.names import EntryName, part_key
from queues.rooms import Room
from queues.values import BuildJob, Suite
from tests.support import entries, tiny
from tests.support.account import room, unprivileged
from tests.support.bases import base_of
from tests.support.tools import Ran, run, runs

pytestmark = pytest.mark.integration
TOP = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "daemons.command")
PATIENCE = 60  # seconds
COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-z]|\r")


@pytest.fixture
def cache() -> Iterator[Path]:
    """A cache that has this machine's base, and nothing else."""
    with room() as path:
        yield path


def link_base(cache: Path) -> None:
    base = base_of("amd64").path
    (cache / base.name).symlink_to(base)


def environment(*words: str | Path, stdin: str = "", site: Path | None = None) -> Ran:
    argv = [*COMMAND, "environment", *words]
    env = {"DEBMILL_SITE": str(site or "")}
    return run(argv, cwd=TOP, check=False, stdin=stdin.encode(), env=env, timeout=PATIENCE)


def started(cache: Path) -> list[dict[str, Any]]:
    rows = json.loads(environment("list", "--json", "--cache", cache).output)
    return [held for row in rows for held in row["started"]]


@unprivileged
def test_what_is_done_in_a_started_environment_stays_until_it_is_stopped(cache: Path) -> None:
    link_base(cache)
    begun = environment("start", "probe", "bookworm", "amd64", "--cache", cache)
    assert begun.status == 0, begun.output
    assert "debmill environment shell probe" in begun.output
    assert "probe" in environment("list", "--cache", cache).output
    (held,) = started(cache)
    first = os.pidfd_open(int(held["pid"]))
    assert (
        environment("shell", "probe", "--cache", cache, stdin="umask 077; echo mine >/etc/note; exit 3\n").status == 3
    )
    assert "mine" in environment("shell", "probe", "--cache", cache, stdin="cat /etc/note; exit\n").output
    as_user = environment("shell", "probe", "--user", "--cache", cache, stdin="cat /etc/note; id -un; exit\n").output
    assert "Permission denied" in as_user
    assert "\nbuild" in as_user
    again = environment("start", "probe", "bookworm", "amd64", "--cache", cache)
    assert (again.status, "an environment 'probe' is started already" in again.output) == (1, True)

    assert environment("stop", "probe", "--cache", cache).output == "probe: ended\n"
    assert select.select([first], [], [], 0)[0], "it was said to be ended, but its first process lives"
    os.close(first)
    assert started(cache) == []
    assert list((cache / "started").iterdir()) == []
    unknown = environment("shell", "probe", "--cache", cache)
    assert (unknown.status, unknown.last_line) == (*(1, "debmill: no environment 'probe' is started; there are: none"),)


@unprivileged
def test_a_killed_holder_leaves_nothing_and_its_name_is_free(cache: Path) -> None:
    link_base(cache)
    mark = 500_000 + os.getpid()
    assert environment("start", "probe", "bookworm", "amd64", "--cache", cache).status == 0
    stay = f"setsid sleep {mark} </dev/null >/dev/null 2>&1 & until grep -qsx sleep /proc/*/comm; do :; done; exit\n"
    environment("shell", "probe", "--cache", cache, stdin=stay)
    assert runs("sleep", mark)
    (held,) = started(cache)
    first = os.pidfd_open(int(held["pid"]))
    os.kill(held["holder"], signal.SIGKILL)
    assert select.select([first], [], [], PATIENCE)[0], "the environment lives on"
    os.close(first)
    assert not runs("sleep", mark)
    assert str(base_of("amd64").path) not in Path("/proc/mounts").read_text()
    assert started(cache) == []
    assert environment("start", "probe", "bookworm", "amd64", "--cache", cache).status == 0
    assert environment("stop", "probe", "--cache", cache).status == 0


@unprivileged
def test_a_holder_whose_environment_was_killed_ends_and_frees_the_name(cache: Path) -> None:
    link_base(cache)
    assert environment("start", "probe", "bookworm", "amd64", "--cache", cache).status == 0
    (held,) = started(cache)
    holder = os.pidfd_open(held["holder"])
    os.kill(int(held["pid"]), signal.SIGKILL)
    assert select.select([holder], [], [], PATIENCE)[0], "it holds nothing any more, and lives on"
    os.close(holder)
    assert started(cache) == []
    assert list((cache / "started").iterdir()) == []


@unprivileged
def test_a_base_is_not_removed_under_what_was_started(cache: Path) -> None:
    base = cache / "tiny-amd64-0123456789ab"
    base.mkdir()
    base.chmod(0o777)  # as it is made: subordinate ids own what is in it
    make = "mkdir -m 755 -p root/dev root/proc root/etc mount; touch root/etc/passwd root/etc/group"
    run(entering.mapped(["sh", "-c", make]), cwd=base)
    assert environment("start", "probe", "tiny", "amd64", "--cache", cache).status == 0
    refused = environment("remove", "tiny", "amd64", "--cache", cache)
    assert refused.status == 1
    assert "'debmill environment stop probe' ends one that you started" in refused.last_line
    assert environment("stop", "probe", "--cache", cache).status == 0
    assert environment("remove", "tiny", "amd64", "--cache", cache).status == 0
    assert not base.exists()


class Terminal:
    """A command on a terminal of 33 lines of 111 characters, typed to by a person who waits for what is said."""

    def __init__(self, argv: list[str]) -> None:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(TOP)
            os.environ.update(DEBMILL_SITE="", TERM="xterm")
            os.execv(argv[0], argv)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
        self.said = ""

    def until(self, text: str) -> None:
        """Wait until something is said."""
        while text not in self.said:
            self.read()
        self.said = self.said.partition(text)[2]

    def read(self) -> int:
        assert select.select([self.descriptor], [], [], PATIENCE)[0], self.said
        octets = os.read(self.descriptor, 4096)
        self.said += octets.decode(errors="replace")
        return len(octets)

    def type(self, line: str) -> None:
        os.write(self.descriptor, f"{line}\n".encode())

    def end(self) -> int:
        """Give the exit status, when there is nothing left to say."""
        with suppress(OSError):  # EIO: the other side is closed
            while self.read():
                pass
        ended = os.pidfd_open(self.pid)
        assert select.select([ended], [], [], PATIENCE)[0], self.said
        for descriptor in (ended, self.descriptor):
            os.close(descriptor)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


@unprivileged
def test_a_shell_has_a_terminal_of_its_own_of_the_size_of_ours(cache: Path) -> None:
    link_base(cache)
    on = Terminal([*COMMAND, "environment", "shell", "bookworm", "amd64", "--cache", str(cache)])
    on.until("root@debmill:/build#")
    on.type("echo $(tty) has $(stty size)")
    on.until("/dev/pts/0 has 33 111")
    on.type("sh -c 'echo it \"\"sleeps; exec sleep 1000'")
    on.until("it sleeps")
    os.write(on.descriptor, b"\x1a")  # ^Z: there is job control
    on.until("Stopped")
    on.type("exit 5")
    on.until("There are stopped jobs")
    on.type("exit 5")
    assert on.end() == 5


@unprivileged
def test_a_shell_ends_with_what_is_typed_to_it(cache: Path) -> None:
    link_base(cache)
    ran = environment("shell", "bookworm", "amd64", "--cache", cache, stdin="echo the last word of $(id -un)\n")
    assert (ran.status, "the last word of root" in ran.output) == (0, True), ran.output


def failed_build(path: Path, fields: str) -> tuple[Site, BuildJob]:
    """Make a site with a job that has failed."""
    (path / settings.FILE).write_text(samples.sample({"testing": Suite("testing", architectures=("amd64",))}))
    site = Site(path)
    site.spool.create(["amd64"])
    for made in (site.archive, site.environments, site.run, path / "source"):
        made.mkdir(exist_ok=True)
    (site.environments / "bookworm-amd64").symlink_to(base_of("amd64").path)
    like = tiny.job(tiny.source(path / "source", fields=fields, arch="echo error: as it was meant; exit 2"), "amd64")
    upload = entries.upload("tiny", "1.0", suite="testing", files=like.files)
    job = BuildJob(upload.key, "tiny", "1.0", "amd64", "testing", like.dsc, like.files)
    files = {file.name: path / "source" / file.name for file in job.files}
    stamp = site.spool.master.stamp(site.spool.clock())
    site.spool.master.put(EntryName(stamp, upload.key), upload, files, room=Room.WAITING)
    site.spool.build("amd64").put(EntryName(stamp, part_key(upload.key, "amd64")), job, files)
    assert Builder(site, "1").one()
    assert site.spool.build("amd64").names(Room.FAILED)
    return site, job


HAS = "dpkg-query -Wf 'has ${Package}\\n' ed"
LOOK = f"pwd; id -un; echo $DEB_BUILD_OPTIONS; ls debian; wc -l </proc/net/dev; {HAS}; dpkg-buildpackage -B -us -uc"


@unprivileged
def test_a_failed_build_is_looked_at_as_it_saw_its_environment(cache: Path) -> None:
    with room() as path:
        site, job = failed_build(path, "Build-Depends: ed")
        log = buildlogs.kept(site.logs, part_key(job.upload, "amd64"))

        kept = environment("shell", "--like", "tiny", stdin=f"{LOOK}; exit 4\n", site=path)
        assert kept.status == 4, kept.output
        lines = COLOURS.sub("", kept.output).splitlines()
        assert {"/build/tiny-1.0", "build", "3", "has ed", "error: as it was meant"} <= set(lines), kept.output
        assert "changelog  control  rules  source" in lines
        assert any(line.startswith("parallel=") for line in lines)
        assert "is built by 'dpkg-buildpackage -us -uc -B' in /build/tiny-1.0" in kept.output

        link_base(cache)  # there, no layer is kept
        made = environment("shell", "--like", "tiny_1.0", "--cache", cache, stdin=f"{LOOK}; exit 4\n", site=path)
        assert made.status == 4, made.output
        assert "was removed since: installing the same packages again" in made.output
        assert "has ed" in made.output

        assert environment("start", "probe", "--like", "tiny", "--cache", cache, site=path).status == 0
        assert started(cache)[0]["like"] == part_key(job.upload, "amd64")
        stays = environment("shell", "probe", "--cache", cache, stdin="pwd; id -un; exit\n").output
        assert "/build/tiny-1.0\r\nbuild\r\n" in stays
        assert environment("stop", "probe", "--cache", cache).status == 0

        with buildlogs.opened(log) as lines:
            said = lines.read()
        of_another = re.sub(r"dependency layer \w{16}", f"dependency layer {'f' * 16}", said)
        log.write_bytes(gzip.compress(of_another.replace("packages: ed ", "packages: ed 0.nosuch").encode()))
        gone = environment("shell", "--like", "tiny", "--cache", cache, site=path)
        assert gone.status == 1
        assert "cannot be had any more: ed (= 0.nosuch" in gone.last_line
        log.write_bytes(gzip.compress(said.replace(base_of("amd64").digest, "0123456789ab").encode()))
        gone = environment("shell", "--like", "tiny", "--cache", cache, site=path)
        assert "the base of that build was removed since" in gone.last_line


@unprivileged
def test_what_cannot_be_looked_at_is_said(cache: Path) -> None:
    with room() as path:
        failed_build(path, "")
        link_base(cache)
        for words, said in (
            (("--like", "tiny", "--arch", "i386"), "nothing of 'tiny' was built on i386"),
            (("--like", "nosuch"), "nothing called 'nosuch'"),
            (("bookworm",), "no environment 'bookworm' is started; there are: none"),
            (("sid", "amd64"), "there are: bookworm amd64; make one with 'debmill environment create --suite sid"),
        ):
            ran = environment("shell", *words, "--cache", cache, site=path)
            assert (ran.status, said in ran.last_line) == (1, True), ran.output
        siteless = environment("shell", "--like", "tiny", "--cache", cache)
        assert "is a build of a site, and none is here" in siteless.last_line
        assert environment("shell", "--cache", cache).status == 2
