"""Steps 4 to 6: uploads arrive, bad ones are refused, a reviewer decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etc.demonstration.checks import check
from tests.support.clients import tampered
from tests.support.road import REVIEWER, SUITE, UPLOADER
from tests.support.small import Small
from tests.support.sources import DebianSources, SourceUpload, prepare
from tests.support.tools import Ran

if TYPE_CHECKING:
    from etc.demonstration.stage import Stage

COMPILED = ("hello", "tree")
# builds an architecture-independent package; a mirror need not hold each source whole
INDEPENDENT = ("ucf", "debconf", "init-system-helpers", "dh-python")
REFUSED = "debmill: REFUSED"


def send_good_ones(stage: Stage) -> str:
    """Fetch real source packages from Debian, make signed uploads of them, send them with dput.

    check: dput exits 0 each time, and `debmill review list` then has the upload
    """
    debian = DebianSources(stage.work / "debian")
    for source in COMPILED:
        _fetch(stage, debian, [source], "any")
    _fetch(stage, debian, INDEPENDENT, "all")
    unwanted = Small("millwaste").upload(SUITE, stage.road.maintainer, stage.work / "own")
    for upload in (*stage.uploads.values(), unwanted):
        stage.screen.say(f"dput {upload.changes.name}")
        stage.screen.quote(stage.road.send(upload).output, last=3)
    stage.unwanted = unwanted
    for upload in (*stage.uploads.values(), unwanted):
        check(stage.road.id_of(upload), f"{upload.changes.name} is not in review")
    return f"{len(stage.uploads) + 1} uploads wait for a reviewer"


def _fetch(stage: Stage, debian: DebianSources, names: tuple[str, ...] | list[str], architecture: str) -> None:
    """Make an upload of the first source that the mirror holds whole, or of a small one of our own."""
    who = stage.road.maintainer
    for name in names:
        if dsc := debian.fetch(name):
            stage.screen.say(f"fetched {dsc.name} from Debian")
            stage.sources[name] = dsc
            stage.uploads[name] = prepare(dsc, "+demo1", SUITE, who, stage.work / "uploads")
            return
        stage.screen.say(f"the mirror does not hold the source of {name} whole")
    own = Small(f"mill-{names[0]}", architecture=architecture)
    stage.screen.say(f"made the small package {own.name} instead")
    stage.uploads[own.name] = own.upload(SUITE, who, stage.work / "own")


def send_bad_ones(stage: Stage) -> str:
    """Send two bad uploads: one signed with a key nobody registered, one whose tarball was changed.

    check: the server refuses both on the same connection, the reason is on the uploader's terminal, the client's exit
    status is not 0, and neither is in review
    """
    foreign = Small("millfraud").upload(SUITE, stage.road.stranger, stage.work / "bad")
    changed = Small("milldamage").upload(SUITE, stage.road.maintainer, stage.work / "bad")
    stage.screen.say(f"dput -u {foreign.changes.name}: signed by {stage.road.stranger.full_name}, whom nobody knows")
    _must_be_refused(stage, stage.road.intruder.dput(foreign, "-u", check=False), foreign)
    stage.screen.say(f"sftp: the files of {changed.changes.name}, one octet of its tarball changed")
    files = tampered(changed, stage.work / "tampered")
    _must_be_refused(stage, stage.road.uploader.sftp(*files, check=False), changed)
    return "both were refused, and their uploaders know why"


def _must_be_refused(stage: Stage, ran: Ran, upload: SourceUpload) -> None:
    reason = next((line for line in ran.output.splitlines() if REFUSED in line), "")
    stage.screen.quote(f"{reason}\n(exit status {ran.status})")
    check(ran.status != 0, f"{upload.source}: the client's exit status is 0:\n{ran.output}")
    check(reason, f"{upload.source}: no reason on the terminal:\n{ran.output}")
    check(stage.road.recorded("refused", upload), f"{upload.source}: the server has no record of a refusal")
    waiting = [one["source"] for one in stage.mill.json("review", "list")]
    check(upload.source not in waiting, f"{upload.source} is in review")


def decide(stage: Stage) -> str:
    """Look at an upload, accept the good ones, reject one with a reason.

    check: the accepted ones are on their way, the rejected one is in review/rejected, with the reason and the reviewer
    """
    unwanted = stage.unwanted
    assert unwanted is not None
    stage.screen.quote(stage.mill("review", "list").output)
    stage.screen.say(f"debmill review reject {unwanted.source} --reason ... --as {REVIEWER}")
    stage.screen.quote(stage.road.reject(unwanted, "not needed here").output)
    for upload in stage.uploads.values():
        stage.screen.say(f"debmill review accept {upload.source} --as {REVIEWER}")
        stage.screen.quote(stage.road.accept(upload).output, last=2)
    chapter = stage.mill.story(unwanted.source)[0]
    check((chapter.queue, chapter.room) == ("review", "rejected"), f"{unwanted.source} is in {chapter.room}")
    told = chapter.events[-1]
    check("not needed here" in told.values() and REVIEWER in told.values(), f"reason or reviewer is missing: {told}")
    for source in stage.uploads:
        check(not stage.mill.room(source, "review"), f"{source} is still in review")
    return f"{len(stage.uploads)} accepted, 1 rejected; {UPLOADER} is told by a notice"
