"""Builds that would never end, ended: by a cancel, by a drain in haste, by the death of their daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemons import samples, settings
from daemons.deciding import results
from daemons.sites import Site
from queues import history
from queues.names import EntryName, part_key
from queues.rooms import Room
from queues.values import BuildJob, Suite
from tests.support import entries, tiny
from tests.support.account import unprivileged
from tests.support.bases import base_of
from tests.support.tools import runs

pytestmark = pytest.mark.integration
TOP = Path(__file__).parents[2]
LOOK = 0.05  # seconds between two looks
FOREVER = "echo the build begins; exec sleep {mark}"


class Mill:
    """A site with one job, and the processes that work on it."""

    def __init__(self, path: Path, mark: int, recipe: str) -> None:
        self.mark = mark
        suites = {"testing": Suite("testing", architectures=("amd64",))}
        (path / settings.FILE).write_text(samples.sample(suites))
        self.site = Site(path)
        self.site.spool.create(["amd64"])
        self.site.archive.mkdir()
        self.site.environments.mkdir()
        (self.site.environments / "bookworm-amd64").symlink_to(base_of("amd64").path)
        self.queue = self.site.spool.build("amd64")
        self.job = self._put(path, recipe.format(mark=mark))
        self.log = (path / "log").open("wb")
        self.daemon = self.start()

    def _put(self, path: Path, recipe: str) -> BuildJob:
        (path / "source").mkdir()
        job = tiny.job(tiny.source(path / "source", arch=recipe), "amd64")
        upload = entries.upload("tiny", "1.0", suite="testing", files=job.files)
        job = BuildJob(upload.key, "tiny", "1.0", "amd64", "testing", job.dsc, job.files)
        files = {file.name: path / "source" / file.name for file in job.files}
        stamp = self.site.spool.master.stamp(self.site.spool.clock())
        self.site.spool.master.put(EntryName(stamp, upload.key), upload, files, room=Room.WAITING)
        self.queue.put(EntryName(stamp, part_key(upload.key, "amd64")), job, files)
        return job

    def start(self) -> subprocess.Popen[bytes]:
        """Start a build daemon."""
        command = [sys.executable, "-m", "daemons.command", "--site", str(self.site.path), "daemon", "build"]
        return subprocess.Popen(command, cwd=TOP, stdout=self.log, stderr=subprocess.STDOUT)

    def say(self, *words: str) -> str:
        """Run a command on the site."""
        command = [sys.executable, "-m", "daemons.command", "--site", str(self.site.path), *words]
        return subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True).stdout

    def wait_until_it_builds(self) -> None:
        """Wait until the package's own command runs."""
        while not runs("sleep", self.mark):
            time.sleep(LOOK)
            assert self.daemon.poll() is None, (self.site.path / "log").read_text()

    def wait_until_it_is_over(self) -> None:
        """Wait until nothing of the package runs any more."""
        while runs("sleep", self.mark):
            time.sleep(LOOK)

    def events(self) -> list[str]:
        """Give the events of the job, oldest first."""
        return [event.event for event in history.read(self.queue.where(*self.found()))]

    def found(self) -> tuple[Room, EntryName]:
        """Say where the job is."""
        found = self.queue.find(part_key(self.job.upload, "amd64"))
        assert found is not None
        return found

    def close(self) -> None:
        """End what still runs."""
        self.daemon.kill()
        self.daemon.wait()
        self.log.close()


@unprivileged
def test_a_cancelled_build_ends_and_names_who_cancelled_it(work: Path) -> None:
    mill = Mill(work, 200_000 + os.getpid(), FOREVER)
    mill.wait_until_it_builds()
    said = mill.say("queue", "cancel", "tiny", "--as", "otto", "--reason", "it is endless")

    assert said == f"{part_key(mill.job.upload, 'amd64')} is cancelled\n"
    mill.wait_until_it_is_over()
    assert mill.found()[0] is Room.FAILED
    result = results.of(mill.site.spool, mill.job.upload, ["amd64"])["amd64"]
    assert (result.verdict, result.phase, result.reason) == ("failed", "build", "cancelled by otto: it is endless")
    assert "the build begins" in mill.say("log", "tiny")
    told = [mill.site.spool.notices.peek(Room.READY, name) for name in mill.site.spool.notices.names(Room.READY)]
    (reason,) = [one.facts["reason"] for one in told if one.event.startswith("failed")]
    assert reason == "cancelled by otto: it is endless"

    mill.say("queue", "give-back", "tiny", "--as", "otto")
    mill.wait_until_it_builds()
    mill.close()
    mill.wait_until_it_is_over()


@unprivileged
def test_a_drain_lets_the_build_finish_and_nothing_begins(work: Path) -> None:
    mill = Mill(work, 300_000 + os.getpid(), "sleep {mark} || true")
    mill.wait_until_it_builds()
    assert "ends when it has finished tiny_1.0" in mill.say("drain", "build-1")
    end_sleeper(mill.mark)

    assert mill.daemon.wait(60) == 0
    assert mill.events()[-2:] == ["building", "done"]
    mill.close()


@unprivileged
def test_a_drain_in_haste_gives_the_build_back_uncounted(work: Path) -> None:
    mill = Mill(work, 400_000 + os.getpid(), FOREVER)
    for _ in range(4):  # more often than an entry survives the death of its builders
        mill.wait_until_it_builds()
        mill.say("drain", "--now")
        assert mill.daemon.wait(60) == 0
        mill.wait_until_it_is_over()
        assert mill.found()[0] is Room.READY
        assert mill.events()[-1] == "given back"
        mill.daemon = mill.start()
    mill.wait_until_it_builds()
    mill.daemon.terminate()
    mill.daemon.send_signal(signal.SIGQUIT)
    assert mill.daemon.wait(60) == 0
    mill.close()


@unprivileged
def test_three_deaths_of_its_builder_put_a_job_on_hold(work: Path) -> None:
    mill = Mill(work, 500_000 + os.getpid(), FOREVER)
    for _ in range(3):
        mill.wait_until_it_builds()
        mill.daemon.kill()
        mill.daemon.wait()
        mill.wait_until_it_is_over()
        mill.daemon = mill.start()
    while mill.found()[0] is not Room.HOLD:
        time.sleep(LOOK)
        assert mill.daemon.poll() is None
    assert mill.site.spool.parts.names(Room.PARTS) == []
    assert not runs("sleep", mill.mark)
    mill.close()


def end_sleeper(mark: int) -> None:
    """Kill the process on which the build waits."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if path.read_bytes() == f"sleep\0{mark}\0".encode():
            subprocess.run(["kill", path.parent.name], check=False)
