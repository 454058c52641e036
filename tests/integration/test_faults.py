"""A machine that is not well, for real: the daemons of a site on a small disk that fills up, loses its inodes, becomes
read-only; daemons without descriptors, and with errors injected into their system calls.

Each time: the daemon says what is wrong, waits, and goes on by itself. In the end all is published, and nobody is held.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.mill import place, remove_site
from tests.support.road import REVIEWER, SUITE, Road, name_of
from tests.support.small import Small
from tests.support.smalldisk import SmallDisk, small_disk
from tests.support.sources import SourceUpload
from tests.support.tools import Ran, ToolFailed, run

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk"),
]
FLOOR = 8 << 20
NO_SPACE = "No space left on device"


class Site(Road):
    """A site on a small disk; its people and the log of its daemons are elsewhere."""

    def __init__(self, disk: SmallDisk, people: Path) -> None:
        super().__init__(disk.path)
        self.disk = disk
        self.folder = people

    def make(self) -> None:
        """Make it, with a floor for the free space that the disk can have."""
        self.make_site(("amd64",))
        settings = self.site / "debmill.toml"
        text, count = re.subn(r"(?m)^# free_space = .*", f"free_space = {FLOOR}", settings.read_text())
        assert count == 1
        settings.write_text(text)
        self.make_environments()

    def new(self, name: str) -> SourceUpload:
        """Make an upload."""
        return Small(name, architecture="all").upload(SUITE, self.maintainer, self.folder)

    def try_to_send(self, upload: SourceUpload) -> Ran:
        """Send an upload, and again if need be."""
        return self.uploader.dput(upload, "-f", check=False)

    def ask(self) -> Ran:
        """Run `debmill status`."""
        return self.mill("status", check=False)

    def pids(self, name: str) -> list[int]:
        """Give the processes of the daemons whose name begins so."""
        return [int(one["pid"]) for key, one in self.mill.daemons().items() if key.startswith(name)]

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Let a daemon do nothing for as long as the block runs."""
        pids = self.pids(name)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def wait_until_it_waits(self, name: str, reason: str) -> None:
        """Wait until `status` shows that a daemon waits, and why."""

        def shown() -> bool:
            states = [one for key, one in self.mill.daemons().items() if key.startswith(name)]
            return any(one["state"] == "waiting" and reason in one["detail"] for one in states)

        self.mill.wait(f"{name} waits for the machine: {reason}", shown, 60)

    def wait_until_it_says(self, said: str, since: int) -> None:
        """Wait until the log has a line that was not there before."""
        self.mill.wait(f"the log says {said}", lambda: re.search(said, self.log.read_text()[since:]) is not None, 60)

    def events(self, upload: SourceUpload) -> list[str]:
        """Give the events of the upload itself and of its jobs, in no order."""
        return [event["event"] for chapter in self.mill.story(name_of(upload)) for event in chapter.events]

    def under_way(self) -> list[Path]:
        """Give what waits for a daemon; in review it waits for a person."""
        found = [path for room in ("ready", "active", "waiting") for path in self.site.glob(f"spool/**/{room}/*")]
        return [path for path in found if "review" not in path.parts]

    def torn(self) -> list[Path]:
        """Give what is half written: in `tmp`, or beside what it was to replace; and who is held or corrupt."""
        spool = self.site / "spool"
        rooms = [path for room in ("tmp", "hold", "corrupt") for path in spool.rglob(f"{room}/*")]
        return [*rooms, *self.site.rglob(".*.new"), *self.site.rglob(".taking"), *self.site.rglob(".unfinished/*")]

    def release(self) -> str:
        """Give the published InRelease, having compared every file that it names."""
        dists = self.site / "archive/dists" / SUITE
        text = (dists / "InRelease").read_text()
        for digest, size, name in re.findall(r"(?m)^ ([0-9a-f]{64}) +(\d+) (\S+)$", text):
            if (dists / name).exists():  # some are named by their digest alone
                data = (dists / name).read_bytes()
                assert (hashlib.sha256(data).hexdigest(), len(data)) == (digest, int(size)), name
        return text


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    base = place(f"test-faults-{os.getpid()}")
    base.mkdir()
    try:
        with small_disk(base / "site", "48m", 5000) as disk:
            site = Site(disk, base)
            try:
                site.make()
                site.start()
                yield site
            finally:
                site.close()
    finally:
        remove_site(base)


LACKS: dict[str, tuple[Callable[[SmallDisk], None], str]] = {
    "space": (lambda disk: disk.fill(FLOOR // 2), "the server's disk is full: 4.0 MiB are free, 8.0 MiB have to be"),
    "inodes": (lambda disk: disk.use_up_inodes(300), "the server's disk is full: it has room for"),
    "writing": (lambda disk: disk.remount("ro"), "the server's disk is read-only"),
}


@pytest.mark.parametrize("lack", LACKS)
def test_intake_refuses_with_the_reason_and_takes_when_there_is_room(site: Site, lack: str) -> None:
    take_away, reason = LACKS[lack]
    upload = site.new(f"intake{lack}")
    try:
        site.mill.wait("nobody writes", lambda: _done(take_away, site.disk), 60)
        refused, asked = site.try_to_send(upload), site.ask()
    finally:
        site.disk.remount("rw")
        site.disk.room()
    assert f"debmill: REFUSED {upload.dsc.name}: {reason}" in refused.output
    assert refused.status != 0
    assert (asked.status, reason.partition("disk ")[2].partition(":")[0] in asked.output) == (1, True), asked.output
    assert list((site.site / "uploading").glob("*/[!.]*")) == []
    assert "taken" in site.try_to_send(upload).output
    assert site.ask().status == 0


def _done(take_away: Callable[[SmallDisk], None], disk: SmallDisk) -> bool:
    try:
        take_away(disk)
    except ToolFailed:  # somebody has a file open for writing at this moment
        return False
    return True


@pytest.mark.parametrize("lack", ["space", "inodes"])
def test_a_disk_that_is_full_at_every_step_of_the_road(site: Site, lack: str) -> None:
    upload, disk = site.new(f"road{lack}"), site.disk
    take_all = disk.fill if lack == "space" else disk.use_up_inodes
    take_most = (lambda: disk.fill(left=40 << 10)) if lack == "space" else (lambda: disk.use_up_inodes(left=10))
    assert "taken" in site.try_to_send(upload).output
    before = site.release()

    with site.frozen(""):  # any of them may give back an inode at this moment
        take_all()
        refused = site.mill("review", "accept", site.id_of(upload), "--as", REVIEWER, check=False)
    assert re.search(rf"debmill: {site.site}/.*: {NO_SPACE}", refused.output), refused.output
    disk.room()
    with site.frozen("build"), site.frozen("include"):
        with site.frozen("master"):
            site.accept(upload)
            take_all()
        site.wait_until_it_waits("master", NO_SPACE)
        disk.room()
        site.mill.wait_for(name_of(upload), "build/all", "ready")
        take_all()
    site.wait_until_it_waits("build", NO_SPACE)
    with site.frozen("include"):
        if lack == "space":
            disk.fill(left=12 << 10)  # enough for the claim and the log, not for what is built
            site.mill.wait("it was built in vain", lambda: "building" in site.events(upload), 60)
            site.wait_until_it_waits("build", NO_SPACE)
        disk.room()
        site.mill.wait_for(name_of(upload), "archive", "ready")
        take_all()
    site.wait_until_it_waits("include", NO_SPACE)
    take_most()
    site.wait_until_it_says(f"include waits for the machine: .*{NO_SPACE}", len(site.log.read_text()))
    assert site.release() == before
    disk.room()
    site.wait_until_published(upload)
    assert site.release() != before
    assert site.events(upload).count("published") == 1
    assert site.notice(upload, "published")


@contextmanager
def limited(pid: int, limit: str, soft: int) -> Iterator[None]:
    """Lower a limit of a living process for as long as the block runs; its owner may do that."""
    prlimit = ["setpriv", "--reuid", "debmill", "--regid", "debmill", "--clear-groups", "prlimit", "--pid", str(pid)]
    before = run([*prlimit, f"--{limit}", "--raw", "--noheadings", "-o", "SOFT"]).output.strip()
    run([*prlimit, f"--{limit}={soft}:"])
    try:
        yield
    finally:
        run([*prlimit, f"--{limit}={before}:"])


@contextmanager
def injected(pid: int, calls: str, error: str) -> Iterator[None]:
    """Have system calls of a living process fail for as long as the block runs."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={calls}:error={error}", "-p", str(pid)]
    with subprocess.Popen(command) as tracer:
        try:
            while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
                assert tracer.poll() is None
            yield
        finally:
            tracer.terminate()


def lowest_free(pid: int) -> int:
    used = {int(one) for one in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(used) + 1) if number not in used)


@contextmanager
def forbidden(path: Path) -> Iterator[None]:
    """Let nobody write into a directory but root."""
    mode = path.stat().st_mode
    path.chmod(0o555)
    try:
        yield
    finally:
        path.chmod(mode)


FAULTS = {
    "EMFILE": (lambda _, pid: limited(pid, "nofile", lowest_free(pid)), "Too many open files"),
    "EACCES": (lambda site, _: forbidden(site.site / "spool/master/active"), "Permission denied"),
    "EIO": (lambda _, pid: injected(pid, "fsync", "EIO"), "Input/output error"),
    "EDQUOT": (lambda _, pid: injected(pid, "mkdir,mkdirat", "EDQUOT"), "Disk quota exceeded"),
    "ENFILE": (lambda _, pid: injected(pid, "openat", "ENFILE"), "Too many open files in system"),
    "EROFS": (lambda _, pid: injected(pid, "rename,renameat,renameat2", "EROFS"), "Read-only file system"),
}
RARE = {"EDQUOT", "ENFILE", "EROFS"}


@pytest.mark.parametrize("fault", [pytest.param(one, marks=[pytest.mark.slow] * (one in RARE)) for one in FAULTS])
def test_a_daemon_whose_calls_fail_says_so_and_goes_on(site: Site, fault: str) -> None:
    apply, reason = FAULTS[fault]
    upload = site.new(f"fault{fault.lower()}")
    assert "taken" in site.try_to_send(upload).output
    (pid,) = site.pids("master")
    since = len(site.log.read_text())
    os.kill(pid, signal.SIGSTOP)
    site.accept(upload)
    with apply(site, pid):
        os.kill(pid, signal.SIGCONT)
        site.wait_until_it_says(f"master waits for the machine: .*{reason}", since)
        if fault != "ENFILE":  # without it not even its state could be opened
            site.wait_until_it_waits("master", reason)
    site.mill.wait_for(name_of(upload), "build/all", "ready", "active", "done")
    assert site.pids("master") == [pid]


def test_nothing_is_left_of_all_this(site: Site) -> None:
    site.mill.wait("everything is published", lambda: not site.under_way(), 300)
    assert site.ask().status == 0
    assert site.torn() == []
