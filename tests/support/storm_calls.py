"""The road of one upload in steps, each of them killed at a system call of one's choice, by strace.

Before each step the site is copied. A death is tried on a copy: the step's program runs under strace, which kills it at
a call; then it runs once more as it is, and the site must look as it does when nobody dies.

strace counts calls per thread and per system call: `when=3` of rename is the third rename of whichever process of the
step comes to a third one first. `-f` follows the programs that a step starts, gpg for one. The builder's are not
followed: they are apt, dpkg and the package's own, and the death of those is a failure of the package's build.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import consistency
from tests.support.mill import WaitedTooLong, installed
from tests.support.processes import of_site
from tests.support.road import REVIEWER, SUITE, UPLOADER, Road
from tests.support.small import Small
from tests.support.storm import hurry
from tests.support.tools import run

CALLS = ["rename", "renameat", "renameat2", "link", "linkat", "fsync", "fdatasync", "unlink", "unlinkat", "rmdir"]
PACKAGE = Small("storm", architecture="all")
PATIENCE, SHORT, LOOK = 120.0, 30.0, 0.02  # seconds for a step; for one that goes on; between two looks
log = logging.getLogger(__name__)
_CALLED = re.compile(r"^(?:(\d+) +)?(\w+)\(", re.MULTILINE)  # no number where nobody is followed


@dataclass(frozen=True)
class Step:
    """A program that brings the upload from one place to the next; `follow` its children, too.

    It recovers one queue; what it leaves half put in another one goes with the next recovery by that one's daemon.
    """

    name: str
    recovers: str
    words: tuple[str, ...]
    end: tuple[str, str]  # the queue and room where the upload is then
    follow: bool = True

    def is_done(self, site: Path) -> bool:
        """Say whether the step's work is done."""
        found = consistency.entries(site)
        if self.end[0] == "notices":
            return all(one.room == "done" for one in found if one.queue == "notices")
        return any((one.queue, one.room) == self.end for one in found)


STEPS = (
    Step("intake", "review", ("daemon", "intake"), ("review", "ready")),
    Step("accept", "review", ("review", "accept", PACKAGE.name, "--as", REVIEWER), ("master", "ready")),
    Step("master", "master", ("daemon", "master"), ("master", "waiting")),
    Step("builder", "build/all", ("daemon", "build"), ("build/all", "done"), follow=False),
    Step("gate", "master", ("daemon", "master"), ("archive", "ready")),
    Step("include", "archive", ("daemon", "include"), ("archive", "done")),
    Step("notify", "notices", ("daemon", "notify"), ("notices", "done")),
)


@dataclass(frozen=True)
class Walked:
    """A step that nobody disturbed: the site before it, what it looked like after it, and the calls that were made."""

    step: Step
    before: Path
    after: frozenset[str]
    calls: tuple[tuple[str, int], ...]


def walk(road: Road, room: Path) -> Iterator[Walked]:
    """Walk the road, from an upload that lies in its uploader's area; copies of the site go into `room`."""
    _lay_upload(road)
    shutil.rmtree(road.folder / "sources")
    for step in STEPS:
        before = room / f"before-{step.name}"
        copy(road.site, before)
        trace = room / f"{step.name}.calls"
        drive(step, road.site, f"--trace={','.join(CALLS)}", "--output", str(trace))
        assert step.is_done(road.site), step
        yield Walked(step, before, looks(road.site, step), tuple(_counted(trace.read_text())))


def copy(site: Path, to: Path) -> None:
    """Copy a site, links, owners and times as they are; not the people's own files."""
    shutil.rmtree(to, ignore_errors=True)
    run(["cp", "-a", site, to])
    shutil.rmtree(to / "demo", ignore_errors=True)


def die(walked: Walked, site: Path, call: str, number: int) -> list[str]:
    """Die at a call on a copy of the site, go on, and give what is wrong then."""
    copy(walked.before, site)
    ended = drive(
        walked.step, site, f"--trace={call}", f"--inject={call}:signal=KILL:when={number}", "--output=/dev/null"
    )
    hurry(site)
    drive(walked.step, site, until=walked.after)
    wrong = [
        f"{mark} {name}"
        for mark, names in _differences(walked.after, looks(site, walked.step))
        for name in sorted(names)
    ]
    wrong += [str(process) for process in of_site(site)]
    if walked.step.name == "include":
        wrong += consistency.archive(site)
        wrong += [] if consistency.sources(site, SUITE) == {f"{PACKAGE.name}_{PACKAGE.version}": 1} else ["Sources"]
    log.info("%s dies at %s %s, status %s: %s", walked.step.name, call, number, ended, wrong or "well")
    return [f"{walked.step.name}, {call} {number} (status {ended}): {one}" for one in wrong]


def drive(step: Step, site: Path, *options: str, until: frozenset[str] | None = None) -> int:
    """Run a step's program until its work is done, put off, or it is dead; gives its status.

    `options`: those of strace, which it then runs under. `until`: as the site is to look in the end; when it does not
    within a while, that is for the caller to see.
    """
    words = [*([_STRACE, "-D", "-q", *(["-f"] if step.follow else []), *options, "--"] if options else [])]
    command = [*words, installed(), "--site", site, *step.words]
    with (site.parent / f"{site.name}.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    deadline = time.monotonic() + (PATIENCE if until is None else SHORT)
    while process.poll() is None:
        over = step.is_done(site) or _put_off(site) if until is None else looks(site, step) == until
        late = until is not None and time.monotonic() > deadline
        if step.words[0] == "daemon" and (over or late):
            process.send_signal(signal.SIGTERM)
            return process.wait(PATIENCE)
        if time.monotonic() > deadline:
            process.kill()
            raise WaitedTooLong(f"{step}:\n" + "\n".join([*sorted(looks(site, step)), log_of(site)]))
        time.sleep(LOOK)
    return process.returncode


def log_of(site: Path) -> str:
    """Give the last lines of what the steps on a copy logged."""
    return "\n".join((site.parent / f"{site.name}.log").read_text().splitlines()[-20:])


def looks(site: Path, step: Step) -> frozenset[str]:
    """Give every path of a site's state that a step answers for, without the stamps and times in their names."""
    folders = ("spool", "uploading", "archive", "run", "logs/mail", "keys")
    walked = (found for folder in folders for found in os.walk(site / folder))  # what moves on meanwhile is no error
    paths = (os.path.relpath(f"{top}/{name}", site) for top, inner, files in walked for name in (*inner, *files))
    lasting = (path for path in paths if not _PASSING.search(path))
    return frozenset(
        _TIMES.sub("", path) for path in lasting if "/tmp/" not in path or path.startswith(f"spool/{step.recovers}/")
    )


_TIMES = re.compile(r"\b(\d{16}\.|\d{8}T\d{6}Z)")
# Index files have names of their own each time, gpg's sockets and the locks of a killed gpg stay, and a server that
# died before it spoke tells nobody.
_PASSING = re.compile(r"/by-hash/|/S\.gpg-agent|/\.#lk|^run/status(/\w+(/\w[^/]*)?)?$")
_STRACE = "strace"


def _differences(wanted: frozenset[str], found: frozenset[str]) -> tuple[tuple[str, frozenset[str]], ...]:
    return (("missing", wanted - found), ("too much", found - wanted))


def _put_off(site: Path) -> bool:
    return any(one.room == "deferred" for one in consistency.entries(site))


def _counted(trace: str) -> Iterator[tuple[str, int]]:
    """Give each call and number that some process of the step comes to."""
    most: Counter[str] = Counter()
    for (_, call), count in Counter(_CALLED.findall(trace)).items():
        most[call] = max(most[call], count)
    for call, count in sorted(most.items()):
        yield from ((call, number) for number in range(1, count + 1))


def _lay_upload(road: Road) -> None:
    """Lay an upload where an intake that died before its verdict leaves it."""
    upload = PACKAGE.upload(SUITE, road.maintainer, road.folder / "sources")
    area = road.site / "uploading" / UPLOADER
    area.mkdir(mode=0o700)
    for path in upload.files:
        shutil.copy(path, area)
        (area / path.name).chmod(0o444)
    owner = (road.site / "uploading").stat()
    for path in (area, *area.iterdir()):
        shutil.chown(path, owner.st_uid, owner.st_gid)
