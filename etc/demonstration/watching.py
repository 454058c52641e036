"""Steps 7 and 8: the queues while they move, a second upload without its orig, and a package that cannot build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etc.demonstration.checks import check
from tests.support.road import SUITE, name_of
from tests.support.small import Small
from tests.support.sources import SourceUpload, prepare

if TYPE_CHECKING:
    from etc.demonstration.stage import Stage

PATIENCE = 1800  # seconds


def watch(stage: Stage) -> str:
    """Watch the queues: builds on every architecture, the gate, the publication; then a second upload, without orig.

    check: every upload is published; the second, which leaves the orig tarball to the archive, was taken and published
    """
    first = list(stage.uploads.values())
    second: list[SourceUpload] = []

    def over() -> bool:
        if not second and (upload := _second(stage)):
            second.append(upload)
        return all(_settled(stage, upload) for upload in first + second)

    stage.screen.watch(lambda: stage.mill.json("status"), over, PATIENCE)
    for upload in first + second:
        where = stage.mill.room(name_of(upload), "archive")
        check(where == "done", f"{name_of(upload)} is not published:\n{_why(stage, upload)}")
    check(second, "there was no second upload")
    stage.published = [name_of(upload) for upload in first + second]
    return ", ".join(stage.published) + " are published"


def _second(stage: Stage) -> SourceUpload | None:
    """Send the second upload of a package as soon as the first is published."""
    source = "tree" if "tree" in stage.sources else next(iter(stage.uploads))
    first = stage.uploads[source]
    if stage.mill.room(name_of(first), "archive") != "done":
        return None
    into, who = stage.work / "second", stage.road.maintainer
    if source in stage.sources:
        upload = prepare(stage.sources[source], "+demo2", SUITE, who, into, orig=False)
    else:
        upload = Small(source, "1.0-2").upload(SUITE, who, into, orig=False)
    carried = ", ".join(path.name for path in upload.files)
    stage.screen.say(f"{name_of(first)} is published; now {name_of(upload)} without its orig tarball: {carried}")
    stage.road.send(upload)
    stage.road.accept(upload)
    stage.uploads[source] = upload
    return upload


def _settled(stage: Stage, upload: SourceUpload) -> bool:
    """Say whether nothing more happens to an upload by itself."""
    rooms = {(one.queue, one.room) for one in stage.mill.story(name_of(upload))}
    ends = {("archive", "done"), ("archive", "hold"), ("master", "failed"), ("master", "hold")}
    return bool(rooms & ends)


def watch_a_failure(stage: Stage) -> str:
    """Send a package that cannot be built.

    check: it ends in master/failed after one attempt for each architecture, its log holds the error, its uploader's
    notice (a file, the demo sends no mail) names it, and nothing else is held up
    """
    broken = Small("millbroken", fails_on=("amd64", "i386")).upload(SUITE, stage.road.maintainer, stage.work / "own")
    stage.road.send(broken)
    stage.road.accept(broken)
    stage.screen.watch(lambda: stage.mill.json("status"), lambda: _settled(stage, broken), PATIENCE)
    check(stage.mill.room(broken.source, "master") == "failed", f"not abandoned:\n{_why(stage, broken)}")
    stage.screen.quote(_why(stage, broken), last=20)
    jobs = [one for one in stage.mill.story(broken.source) if one.queue.startswith("build/")]
    claims = [sum(event["event"] == "claimed" for event in job.events) for job in jobs]
    check([job.room for job in jobs] == ["failed"] * 2 and claims == [1, 1], f"tried {claims} times:\n{jobs}")
    log = stage.mill("log", broken.source, "--arch", "amd64").output
    check("millbroken: cannot be built for amd64" in log, "the log does not hold the error")
    stage.screen.say(f"debmill log {broken.source} --arch amd64")
    stage.screen.quote(log, last=6)
    stage.screen.say("the notice to its uploader (a file in logs/mail: the demo sends no mail)")
    notice = stage.road.notice(broken, "abandoned")
    stage.screen.quote(notice)
    check(stage.road.maintainer.address in notice, "the notice does not go to the uploader")
    held = [one for one in stage.mill.json("status")["queues"] if one["room"] in ("ready", "hold") and one["entries"]]
    check(not held, f"something is held up: {held}")
    return "failed once on each architecture, told to its uploader, nothing else held up"


def _why(stage: Stage, upload: SourceUpload) -> str:
    return stage.mill("why", name_of(upload), check=False).output
