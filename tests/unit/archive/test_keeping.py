"""Snapshots after their publication: compared, gone back to, thinned; and files that no snapshot names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.inclusion import Included, Inclusion, Refusal
from archive.indices.writing import KEPT
from archive.keeping import needed, thinning
from archive.keeping.comparing import Difference
from archive.keeping.keeper import Keeper, UnknownSnapshot
from archive.keeping.records import Rollback
from archive.keeping.restoring import NotRestorable
from archive.keeping.thinning import Rule
from archive.repository import Repository
from archive.snapshot import LostLink, SnapshotId, date, identify
from queues.values import Suite
from tests.support.dying import deaths
from tests.unit.archive import packages
from tests.unit.archive.packages import MOMENT

SUITE = Suite("demo")
ONLY_LINKED = Rule(1, 0, 0, timedelta(0))
NOW = MOMENT + timedelta(days=400)


class Archive:
    """An archive whose packages are built as they are asked for."""

    def __init__(self, path: Path, *suites: Suite) -> None:
        self.path = path
        self.suites = {suite.name: suite for suite in suites or (SUITE,)}
        self.root = path / "archive"
        self.now = MOMENT
        self.repository._tree.create()
        self.repository.publish([*self.suites], self.now)

    @property
    def repository(self) -> Repository:
        return Repository(self.root, self.suites, self.path / "keys", signer=packages.Rubber())

    @property
    def keeper(self) -> Keeper:
        return Keeper(self.root, self.repository.records)

    def include(self, source: str, version: str, suite: str = "demo", more: str = "") -> Inclusion:
        self.now += timedelta(minutes=1)
        sources, built = self.path / source / version / "source", self.path / source / version / "built"
        if not built.exists():
            sources.mkdir(parents=True)
            built.mkdir()
            packages.dsc(sources, source, version)
            packages.deb(built, source, version, more=more)
        upload = packages.upload(sources, source, version, suite)
        return self.repository.include(upload, sources, [packages.result(upload, "amd64", built)], self.now)

    def included(self, source: str, version: str, suite: str = "demo", more: str = "") -> SnapshotId:
        done = self.include(source, version, suite, more)
        assert isinstance(done, Included), done
        return done.snapshot

    def back(self, to: SnapshotId, suite: str = "demo") -> SnapshotId:
        self.now += timedelta(minutes=1)
        current = self.repository.current(suite)
        assert current
        done = self.repository.rollback(Rollback(suite, current, to, "ulla", "it was bad"), self.now)
        assert isinstance(done, str)
        return done

    def version(self, source: str = "tiny", suite: str = "demo") -> str | None:
        return self.repository.catalogue(suite).version_of(source)

    def pool(self) -> set[str]:
        return {path.name for path in (self.root / "pool").rglob("*") if path.is_file()}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_what_came_went_and_changed(archive: Archive) -> None:
    first, second = archive.included("tiny", "1.0"), archive.included("other", "1.0")
    third = archive.included("tiny", "2.0")
    found = archive.keeper.compare(first, third)
    assert found == [
        Difference("demo", "other", "amd64", "", "1.0"),
        Difference("demo", "other", "source", "", "1.0"),
        Difference("demo", "tiny", "amd64", "1.0", "2.0"),
        Difference("demo", "tiny", "source", "1.0", "2.0"),
    ]
    backwards = archive.keeper.compare(third, first)
    assert [(one.before, one.after) for one in backwards] == [(one.after, one.before) for one in found]
    assert archive.keeper.compare(second, second) == []


def test_snapshots_say_what_each_publication_was(archive: Archive) -> None:
    first = archive.included("tiny", "1.0")
    archive.included("tiny", "2.0")
    archive.keeper.pin(first, "ulla", "the release", archive.now)
    third = archive.back(first)
    newest, middle, oldest, start = archive.keeper.snapshots()
    assert newest.id == third
    assert newest.current == ("demo", "demo-debug")
    assert newest.rollback
    assert (newest.rollback.by, newest.rollback.reason, newest.rollback.restored) == ("ulla", "it was bad", first)
    assert {(one.before, one.after) for one in newest.differences} == {("2.0", "1.0")}
    assert {(one.before, one.after) for one in middle.differences} == {("1.0", "2.0")}
    assert oldest.pin
    assert oldest.pin.reason == "the release"
    assert start.differences == ()
    assert archive.keeper.unpin(first)
    assert not archive.keeper.unpin(first)


def test_an_id_may_be_cut_short(archive: Archive) -> None:
    first = archive.included("tiny", "1.0")
    assert archive.keeper.find(first[:13]) == first
    with pytest.raises(UnknownSnapshot, match="2 snapshots begin so"):
        archive.keeper.find("2026")


def test_rollback_is_a_publication_of_today(archive: Archive) -> None:
    first = archive.included("tiny", "1.0")
    archive.included("tiny", "2.0")
    assert archive.keeper.before("demo") == first
    third = archive.back(first)
    assert archive.repository.current("demo") == archive.repository.current("demo-debug") == third
    assert archive.version() == "1.0"
    release = (archive.root / "dists/demo/Release").read_text()
    assert f"Date: {date(third):%a, %d %b %Y %H:%M:%S} UTC" in release
    assert (archive.root / "dists/demo/main/binary-amd64/Packages.xz").stat().st_mtime == date(third).timestamp()


def test_after_a_rollback_names_stay_taken_and_newer_versions_come(archive: Archive) -> None:
    first = archive.included("tiny", "1.0")
    second = archive.included("tiny", "2.0")
    archive.back(first)
    assert archive.repository.is_published("tiny", "2.0"), "intake refuses it"
    shutil.rmtree(archive.path / "tiny" / "2.0")
    again = archive.include("tiny", "2.0", more="Homepage: https://example.org\n")
    assert isinstance(again, Refusal)
    assert "published before with SHA256" in again.reason
    archive.included("tiny", "1.5")
    lower = archive.include("tiny", "1.2")
    assert isinstance(lower, Refusal)
    assert "demo has 1.5; no version is ever lowered" in lower.reason
    archive.back(second)
    assert archive.version() == "2.0", "the way forward is a rollback, too"


def test_a_rollback_leaves_other_suites_alone(tmp_path: Path) -> None:
    archive = Archive(tmp_path, SUITE, Suite("next"))
    first, other = archive.included("tiny", "1.0"), archive.included("other", "1.0", "next")
    archive.included("tiny", "2.0")
    archive.back(first)
    assert archive.repository.current("next") == other
    with pytest.raises(NotRestorable, match="not a publication of demo"):
        archive.back(other)


def test_a_rollback_to_files_that_are_gone_is_refused(archive: Archive) -> None:
    first, second = archive.included("tiny", "1.0"), archive.included("tiny", "2.0")
    (archive.root / "pool/main/t/tiny/tiny_1.0_amd64.deb").unlink()
    with pytest.raises(NotRestorable, match=r"the pool has lost pool/main/t/tiny/tiny_1\.0_amd64\.deb"):
        archive.back(first)
    assert archive.repository.current("demo") == second


@pytest.mark.thorough
def test_a_rollback_dies_anywhere(archive: Archive, tmp_path: Path) -> None:
    first, second = archive.included("tiny", "1.0"), archive.included("tiny", "2.0")
    template = tmp_path / "template"
    archive.root.rename(template)
    seen = set()
    for death in deaths(lambda: archive.back(first), fresh=_fresh(archive.root, template)):
        archive.repository.recover()
        seen.add(archive.version())
        assert archive.repository.current("demo") == archive.repository.current("demo-debug"), death
        if archive.version() == "2.0":
            assert archive.repository.current("demo") == second
            archive.back(first)
        assert archive.version() == "1.0"
        archive.now = MOMENT + timedelta(hours=1)
    assert seen == {"1.0", "2.0"}


def test_what_was_taken_back_is_not_published_again_by_a_replay(archive: Archive) -> None:
    first, second = archive.included("tiny", "1.0"), archive.included("tiny", "2.0")
    archive.included("other", "1.0")
    back = archive.back(first)
    again = archive.include("tiny", "2.0")
    assert again == Included(second, ("tiny_2.0_amd64",)), "it names the publication that it came with"
    assert (archive.repository.current("demo"), archive.version()) == (back, "1.0")
    assert archive.included("tiny", "3.0") > back
    archive.back(first)
    assert archive.include("tiny", "2.0") == again, "a second rollback is none of it"


@pytest.mark.thorough
def test_an_inclusion_that_died_and_was_taken_back_stays_so(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it died: what was published is over, and what was not comes with the replay."""
    packages.read_once(monkeypatch)
    first = archive.included("tiny", "1.0")
    archive.included("other", "1.0")
    archive.back(first)
    template, now = tmp_path / "template", archive.now
    archive.root.rename(template)
    seen = set()
    for death in deaths(lambda: archive.include("tiny", "2.0"), fresh=_fresh(archive.root, template)):
        archive.repository.recover()
        seen.add(was := archive.version())
        if was == "2.0":
            archive.back(first)
        archive.include("tiny", "2.0")
        assert archive.version() == ("1.0" if was == "2.0" else "2.0"), death
        shutil.rmtree(archive.repository.records.path, ignore_errors=True)
        archive.now = now
    assert seen == {"1.0", "2.0"}


def _fresh(root: Path, template: Path) -> Callable[[], None]:
    def fresh() -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template, root, symlinks=True)

    return fresh


def test_gc_keeps_what_a_snapshot_names(archive: Archive) -> None:
    archive.included("tiny", "1.0")
    archive.included("tiny", "2.0")
    before = archive.pool()
    swept = archive.keeper.sweep(Rule(), archive.now, ())
    assert (swept.files, swept.snapshots) == ((), ())
    assert archive.pool() == before


def _forgotten(archive: Archive) -> None:
    """Take old snapshots away by hand, as many publications would."""
    for snapshot in archive.repository._tree.all():
        if snapshot not in archive.repository._tree.linked():
            archive.repository._tree.drop(snapshot)


def test_gc_removes_what_none_names_and_its_name_stays_taken(archive: Archive) -> None:
    archive.included("tiny", "1.0")
    archive.included("tiny", "2.0")
    _forgotten(archive)
    would = archive.keeper.sweep(Rule(), archive.now, (), dry_run=True)
    assert {Path(name).name for name in would.files} == {"tiny_1.0.dsc", "tiny_1.0.tar.xz", "tiny_1.0_amd64.deb"}
    assert archive.keeper.sweep(Rule(), archive.now, ("tiny",)).files == (), "a source on its way is spared"
    assert archive.keeper.sweep(Rule(), archive.now, ()) == would
    assert archive.pool() == {"tiny_2.0.dsc", "tiny_2.0.tar.xz", "tiny_2.0_amd64.deb"}
    assert archive.repository.published.sha256_of("tiny_1.0.dsc")


def test_gc_keeps_the_source_that_a_binary_was_built_with(archive: Archive) -> None:
    archive.included("tool", "1.0")
    archive.included("tiny", "1.0", more="Built-Using: tool (= 1.0), gone (= 3)\n")
    archive.included("tool", "2.0")
    _forgotten(archive)
    archive.keeper.sweep(Rule(), archive.now, ())
    assert {"tool_1.0.dsc", "tool_1.0.tar.xz"} <= archive.pool()
    assert "tool_1.0_amd64.deb" not in archive.pool()


def test_files_of_a_source_version() -> None:
    names = (
        "a_1.0-2.dsc",
        "a_1.0-2.debian.tar.xz",
        "a_1.0.orig.tar.gz",
        "a_1.0.orig-docs.tar.gz.asc",
        "a_1.0-2.diff.gz",
    )
    assert all(needed.is_of(name, "a", "3:1.0-2") for name in names)
    others = ("a_1.0-20.dsc", "a_1.0-1.dsc", "a_1.0.1.orig.tar.gz", "ab_1.0-2.dsc")
    assert not any(needed.is_of(name, "a", "3:1.0-2") for name in others)


def test_gc_dies_anywhere(archive: Archive, tmp_path: Path) -> None:
    archive.included("tiny", "1.0")
    archive.included("tiny", "2.0")
    _forgotten(archive)
    template = tmp_path / "template"
    archive.root.rename(template)
    for death in deaths(lambda: archive.keeper.sweep(Rule(), archive.now, ()), fresh=_fresh(archive.root, template)):
        assert {"tiny_2.0.dsc", "tiny_2.0.tar.xz", "tiny_2.0_amd64.deb"} <= archive.pool(), death
        archive.keeper.sweep(Rule(), archive.now, ())
        assert "tiny_1.0.dsc" not in archive.pool()


@pytest.mark.thorough
def test_what_a_dead_inclusion_left_goes_and_it_comes_again(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages.read_once(monkeypatch)
    archive.included("other", "1.0")
    template = tmp_path / "template"
    archive.root.rename(template)
    for death in deaths(lambda: archive.include("tiny", "1.0"), fresh=_fresh(archive.root, template)):
        archive.keeper.sweep(Rule(), archive.now, ())
        assert archive.version("other") == "1.0", death
        archive.include("tiny", "1.0")
        assert archive.version() == "1.0", death
        assert "tiny_1.0_amd64.deb" in archive.pool(), death
        archive.now = MOMENT + timedelta(hours=1)


def test_thinning_keeps_what_a_link_or_a_pin_or_the_next_publication_needs(archive: Archive) -> None:
    first = identify(archive.now)
    for number in range(KEPT + 3):
        archive.repository.publish(["demo"], MOMENT + timedelta(minutes=number + 1))
    every = archive.repository._tree.all()
    archive.keeper.pin(first, "ulla", "the first", NOW)
    gone = archive.keeper.thin(ONLY_LINKED, NOW)
    assert archive.repository._tree.all() == [*every[:KEPT], first]
    assert {*gone} == {*every[KEPT:-1]}
    assert archive.keeper.thin(ONLY_LINKED, NOW) == []


@pytest.mark.thorough
def test_thinning_dies_anywhere(archive: Archive, tmp_path: Path) -> None:
    for number in range(KEPT):
        archive.repository.publish(["demo"], MOMENT + timedelta(minutes=number + 1))
    template = tmp_path / "template"
    archive.root.rename(template)
    for death in deaths(lambda: archive.keeper.thin(ONLY_LINKED, NOW), fresh=_fresh(archive.root, template)):
        archive.repository.recover()
        assert archive.repository._tree.current("demo") == archive.repository._tree.all()[0], death
        archive.keeper.thin(ONLY_LINKED, NOW)
        assert len(archive.repository._tree.all()) == KEPT, death


DAILY = [identify(MOMENT + timedelta(hours=hours)) for hours in range(0, 24 * 500, 8)]


def test_of_each_day_and_month_the_last_stays() -> None:
    now = MOMENT + timedelta(days=500)
    found = thinning.kept(DAILY, now, Rule(30, 30, 12))
    assert {*DAILY[-30:]} <= found
    rest = sorted(found - {*DAILY[-30:]})
    assert {one[9:11] for one in rest} == {"16"}, "the last of each day"
    by_day = [one for one in found if now - date(one) <= timedelta(days=30)]
    assert len({one[:8] for one in by_day}) == 30
    assert len({one[:6] for one in found}) == 12
    assert len(found) == 30 + 20 + 10


@given(st.lists(st.datetimes(MOMENT.replace(tzinfo=None), NOW.replace(tzinfo=None)), max_size=80))
def test_thinning_again_removes_nothing_more(times: list[datetime]) -> None:
    every = {identify(time.replace(tzinfo=MOMENT.tzinfo)) for time in times}
    rule = Rule(20, 10, 3, timedelta(hours=2))
    once = thinning.kept(every, NOW, rule)
    assert thinning.kept(once, NOW, rule) == once <= every
    later = thinning.kept(every, NOW + timedelta(days=40), rule)
    assert thinning.kept(once, NOW + timedelta(days=40), rule) == later, "what would be kept later is kept now"


def test_what_was_published_when_a_build_began_stays() -> None:
    many = [identify(MOMENT + timedelta(minutes=minute)) for minute in range(300)]
    now = MOMENT + timedelta(minutes=299)
    found = thinning.kept(many, now, Rule(1, 0, 0, timedelta(hours=1, seconds=30)))
    assert sorted(found) == many[-62:]


def test_a_link_taken_away_by_hand_stops_publications(archive: Archive) -> None:
    archive.included("tiny", "1.0")
    newest = archive.included("tiny", "2.0")
    link = archive.root / "dists/demo"
    debug = archive.root / "dists/demo-debug"
    link.unlink()
    debug.unlink()
    for attempt in (
        archive.repository.recover,
        lambda: archive.include("tiny", "3.0"),
        lambda: archive.repository.publish(["demo"], NOW),
    ):
        with pytest.raises(LostLink, match=rf"ln -sfn \.\./snapshots/{newest}/dists/demo "):
            attempt()
    assert newest in archive.repository._tree.all()
    os.symlink(f"../snapshots/{newest}/dists/demo", link)
    assert archive.version() == "2.0"
    archive.included("tiny", "4.0")
