"""What becomes of a job whose build somebody killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemons.telling import story
from queues.names import Key, part_key
from queues.recovery import LONGEST, recover
from queues.values import Upload
from tests.support.world import Build, Sources, World, given_builds


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    sources = Sources(tmp_path / "sources")
    with given_builds(sources):
        yield World(tmp_path / "site", sources)


@pytest.fixture
def one(world: World) -> Upload:
    one = world.accepted("1.0")
    world.master()
    return one


def meaning_of(world: World, job: Key) -> str:
    return next(chapter.meaning for chapter in story.tell(world.site, job) if chapter.key == job)


def when_due(world: World) -> None:
    world.now += LONGEST
    recover(world.spool.build("amd64"), world.now)


def build(world: World, job: Key, outcome: str) -> None:
    """Build the job when its time has come; its builder may die, too."""
    when_due(world)
    one = Build(world, job)
    if outcome == "builder killed":
        one.kill()
    else:
        one.end(outcome)


def test_a_build_that_was_killed_is_tried_again(world: World, one: Upload) -> None:
    job = part_key(one.key, "amd64")
    build(world, job, "killed")
    assert world.place(job) == "build/amd64/deferred"
    assert "the machine failed it, not the package: the kernel was short of memory" in meaning_of(world, job)
    build(world, job, "built")
    assert world.spool.parts.find(job)


@pytest.mark.parametrize("ends", [("killed", "killed", "killed"), ("killed", "builder killed", "killed")])
def test_a_job_that_was_killed_three_times_is_held_with_the_evidence(
    world: World, one: Upload, ends: tuple[str, ...]
) -> None:
    """Whether its build was killed each time, or its builder once: what kills itself is not tried for ever."""
    job = part_key(one.key, "amd64")
    for end in ends:
        build(world, job, end)
    when_due(world)
    with world.spool.build("amd64").claim() as entry:
        assert entry is None
    assert world.place(job) == "build/amd64/hold"


def test_a_verdict_of_the_machine_forgives_what_was_killed(world: World, one: Upload) -> None:
    job = part_key(one.key, "amd64")
    for end in ("killed", "killed", "later", "killed", "built"):
        build(world, job, end)
    assert world.spool.parts.find(job)
