"""Sets with real tools: packages that need each other's new versions are built, and published in one snapshot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mill import place, remove_site
from tests.support.road import REVIEWER, SUITE, Road, name_of
from tests.support.small import Small
from tests.support.sources import SourceUpload

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sets")


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    site = place(f"test-{os.getpid()}")
    road = Road(site)
    try:
        road.make_site(("amd64",))
        road.make_environments()
        road.start()
        yield road
    finally:
        road.close()
        remove_site(site)


def sent(road: Road, work: Path, *packages: Small) -> list[SourceUpload]:
    uploads = [one.upload(SUITE, road.maintainer, work) for one in packages]
    for upload in uploads:
        road.send(upload)
    return uploads


def accept(road: Road, uploads: list[SourceUpload]) -> None:
    ids = [road.id_of(upload) for upload in uploads]
    said = road.mill.json("review", "set", *ids, "--as", REVIEWER)
    assert said["decision"] == "accepted"
    assert [one["source"] for one in said["uploads"]] == [upload.source for upload in uploads]


def events(road: Road, upload: SourceUpload, queue: str, event: str) -> list[dict[str, str]]:
    """The events of that name of the upload's own entry, or of its job."""
    chapters = [one for one in road.mill.story(name_of(upload)) if one.queue == queue and one.is_whole]
    return [one for chapter in chapters for one in chapter.events if one["event"] == event]


def snapshot(road: Road, upload: SourceUpload) -> str:
    road.wait_until_published(upload)
    (published,) = events(road, upload, "archive", "published")
    return published["snapshot"]


def test_a_package_is_built_with_the_new_version_of_another_of_its_set(road: Road, work: Path) -> None:
    app, base = sent(
        road, work, Small("setapp", build_depends="setbase (>= 1.0)"), Small("setbase")
    )  # the older one needs the younger
    asked = road.mill.json("review", "set", road.id_of(app), road.id_of(base), "--check", "--as", REVIEWER)
    assert (asked["decision"], asked["objections"]) == ("possible", [])
    accept(road, [app, base])

    assert snapshot(road, app) == snapshot(road, base)
    assert "setbase 1.0-1" in road.mill("log", "setapp", "--arch", "amd64").output
    assert road.binaries("setapp") == road.binaries("setbase") == {"amd64": "1.0-1"}


def test_two_that_need_each_other_are_built_one_behind_the_other(road: Road, work: Path) -> None:
    for upload in sent(road, work, Small("setone"), Small("settwo")):
        road.accept(upload)
        road.wait_until_published(upload)
    one, two = sent(
        road,
        work,
        Small("setone", "2.0-1", build_depends="settwo"),
        Small("settwo", "2.0-1", build_depends="setone (>= 2.0)"),
    )
    accept(road, [one, two])

    assert snapshot(road, one) == snapshot(road, two)
    assert "settwo 1.0-1" in road.mill("log", name_of(one), "--arch", "amd64").output
    assert "setone 2.0-1" in road.mill("log", name_of(two), "--arch", "amd64").output


def test_when_one_fails_nothing_is_published_and_the_other_is_held_with_words(road: Road, work: Path) -> None:
    base, app = sent(
        road, work, Small("setbad", fails_on=("amd64",)), Small("setgood", build_depends="setbad (>= 1.0)")
    )
    accept(road, [base, app])

    road.mill.wait_for(name_of(base), "master", "failed")
    road.mill.wait_for(name_of(app), "master", "hold")
    (held,) = events(road, app, "master", "held")
    assert "setbad_1.0-1 (abandoned)" in held["reason"]
    assert "its set has lost setbad_1.0-1" in road.mill("why", "setgood").output
    assert road.binaries("setbad") == road.binaries("setgood") == {}

    road.mill("review", "undo", "setgood", "--as", REVIEWER)
    assert road.mill.room(name_of(app), "review") == "ready"
