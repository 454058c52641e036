"""Step 10: what each package spent in each stage, told by the histories of its entries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from etc.demonstration.checks import check
from tests.support.mill import Chapter

if TYPE_CHECKING:
    from etc.demonstration.stage import Stage

COLUMNS = ("package", "for", "review", "accept to runner", "build", "gate, publication", "whole")


class Times(NamedTuple):
    """One build of one upload: moments of its road, in order."""

    package: str
    architecture: str
    taken: datetime
    accepted: datetime
    started: datetime
    built: datetime
    published: datetime

    @property
    def reaction(self) -> float:
        """Seconds from the reviewer's decision to the runner that makes the environment."""
        return (self.started - self.accepted).total_seconds()


def tell_times(stage: Stage) -> str:
    """Tell how long each package spent in each stage.

    check: every build of every published upload has a time for every stage
    """
    rows = [times for name in stage.published for times in of(stage.mill.story(name))]
    check({times.package for times in rows} == {*stage.published}, "a package has no times")
    stage.screen.table(COLUMNS, [_cells(times) for times in rows])
    soonest = min(rows, key=lambda times: times.reaction)
    stage.screen.say("A job waits for one of the build daemons when all are busy, and the gate for its slowest build.")
    reaction = (
        f"{soonest.reaction * 1000:.0f} ms from accept to runner when a build daemon was idle ({soonest.package})"
    )
    return f"{len(rows)} builds of {len(stage.published)} uploads; {reaction}"


def of(story: list[Chapter]) -> Iterator[Times]:
    """Read the times of each build from an upload's story."""
    upload = next(one for one in story if one.queue == "archive" and one.is_whole)
    source, _, rest = upload.key.partition("_")
    package = f"{source}_{rest.rpartition('~')[0].replace('%3a', ':')}"
    for job in (one for one in story if one.queue.startswith("build/")):
        yield Times(
            package,
            job.queue.removeprefix("build/"),
            _when(upload, "taken"),
            _when(upload, "accepted"),
            _when(job, "building"),
            _when(job, "done"),
            _when(upload, "published"),
        )


def _when(chapter: Chapter, event: str) -> datetime:
    found = [one["at"] for one in chapter.events if one["event"] == event]
    check(found, f"{chapter.key} in {chapter.queue} has no event '{event}'")
    return datetime.fromisoformat(found[0])


def _cells(times: Times) -> tuple[str, ...]:
    waited = times.reaction
    return (
        times.package,
        times.architecture,
        f"{(times.accepted - times.taken).total_seconds():.1f} s",
        f"{waited * 1000:.0f} ms" if waited < 1 else f"{waited:.1f} s",
        f"{(times.built - times.started).total_seconds():.1f} s",
        f"{(times.published - times.built).total_seconds():.1f} s",
        f"{(times.published - times.taken).total_seconds():.1f} s",
    )
