"""The archive without a key: what is refused, what is remembered, what stays as it is."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from archive import delivery, stanzas
from archive.catalogue import Place
from archive.delivery import Delivery, Material
from archive.holdings import UnknownSuite
from archive.inclusion import Change, Difference, Included, Inclusion, Refusal, TooSoon, Unchanged
from archive.indices import Damaged
from archive.indices.writing import KEPT
from archive.publication import ChangedIdentity
from archive.release import hashes
from archive.repository import Repository
from queues.values import Suite
from tests.unit.archive import packages
from tests.unit.archive.packages import MOMENT

SUITES = (Suite("demo", components=("main", "contrib")), Suite("next"))


def repository(path: Path, *suites: Suite) -> Repository:
    found = {suite.name: suite for suite in suites or SUITES}
    return Repository(path / "archive", found, path / "keys", signer=packages.Rubber())


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    one = repository(tmp_path)
    one._tree.create()
    one.publish(["demo", "next"], MOMENT)
    return one


def folder(path: Path, name: str) -> Path:
    found = path / "made" / name
    found.mkdir(parents=True)
    return found


def include(
    archive: Repository, sources: Path, built: Path, version: str, now: datetime, suite: str = "demo"
) -> Inclusion:
    upload = packages.upload(sources, "tiny", version, suite)
    return archive.include(upload, sources, [packages.result(upload, "amd64", built)], now)


@pytest.fixture
def one(tmp_path: Path) -> tuple[Path, Path]:
    sources, built = folder(tmp_path, "source"), folder(tmp_path, "built")
    packages.dsc(sources, "tiny", "1.0")
    packages.deb(built, "tiny", "1.0")
    return sources, built


FIELDS = {"Version": "1", "Architecture": "amd64", "Description": "It.\n " + "It is. " * 100}
LATER = [MOMENT + timedelta(minutes=minute) for minute in range(1, 5)]


def test_all_suites_start_in_one_publication(made: Repository) -> None:
    assert made.current("demo") == made.current("next") == "20260101T000000Z"
    assert made.publish(["demo"], MOMENT) == TooSoon(MOMENT + timedelta(seconds=1))
    assert made.publish(["demo"], MOMENT - timedelta(days=1)) == TooSoon(MOMENT + timedelta(seconds=1))


def test_what_intake_asks(made: Repository, one: tuple[Path, Path]) -> None:
    assert made.catalogue("demo").version_of("tiny") is None
    assert not made.is_published("tiny", "1.0")
    assert isinstance(include(made, *one, "1.0", LATER[0]), Included)
    assert made.catalogue("demo").version_of("tiny") == "1.0"
    assert made.catalogue("demo").architectures_of("tiny") == {"amd64"}
    assert made.is_published("tiny", "1.0")
    assert made.is_published("tiny", "7:1.0"), "the epoch is in no file name"
    (tar,) = one[0].glob("*.tar.xz")
    ref = packages.ref_of(tar)
    assert made.pool.find(ref.name, ref.size, ref.sha256) is not None
    assert made.published.sha256_of(ref.name) == ref.sha256
    with pytest.raises(UnknownSuite, match="there are: demo, next"):
        made.catalogue("stable")


def test_other_content_under_a_published_name_is_refused(
    made: Repository, one: tuple[Path, Path], tmp_path: Path
) -> None:
    include(made, *one, "1.0", LATER[0])
    other = folder(tmp_path, "other")
    packages.deb(other, "tiny", "1.0", more="Homepage: https://example.org\n")
    outcome = include(made, one[0], other, "1.0", LATER[1])
    assert isinstance(outcome, Refusal)
    assert "tiny_1.0_amd64.deb: published before with SHA256" in outcome.reason
    assert include(made, *one, "1.0", LATER[1]) == Unchanged()


def test_the_same_version_in_another_suite_is_refused(made: Repository, one: tuple[Path, Path]) -> None:
    include(made, *one, "1.0", LATER[0])
    outcome = include(made, *one, "1.0", LATER[1], suite="next")
    assert outcome == Refusal(
        "tiny 1.0: published in demo; promote or copy it to next, or use a ~suffix version"
    )  # fmt: skip


def test_a_result_that_is_another_package_is_refused(made: Repository, one: tuple[Path, Path], tmp_path: Path) -> None:
    evil = folder(tmp_path, "evil")
    packages.deb(evil, "libc6", "99", source="tiny (1.0)")
    outcome = include(made, one[0], evil, "1.0", LATER[0])
    assert isinstance(outcome, Refusal)
    assert "the source package does not declare libc6" in outcome.reason
    assert not (made.root / "pool/main").exists()


def test_a_file_changed_since_it_was_recorded_is_refused(made: Repository, one: tuple[Path, Path]) -> None:
    sources, built = one
    upload = packages.upload(sources, "tiny", "1.0")
    brought = packages.result(upload, "amd64", built)
    (deb,) = built.iterdir()
    deb.chmod(0o644)
    deb.write_bytes(deb.read_bytes() + b"\n")
    outcome = made.include(upload, sources, [brought], LATER[0])
    assert isinstance(outcome, Refusal)
    assert "not the file whose size and SHA256 were recorded" in outcome.reason
    assert made.catalogue("demo").binaries_of("tiny") == []


def test_a_source_without_its_tarball_is_refused_until_the_pool_has_it(
    made: Repository, one: tuple[Path, Path]
) -> None:
    sources, _ = one
    (dsc,), (tar,) = sources.glob("*.dsc"), sources.glob("*.tar.xz")
    alone = made.include_files("demo", [dsc], LATER[0])
    assert isinstance(alone, Refusal)
    assert "tiny_1.0.tar.xz: named by tiny_1.0.dsc, neither brought nor in the pool" in alone.reason
    assert isinstance(made.include_files("demo", [dsc, tar], LATER[0]), Included)
    assert made.include_files("demo", [dsc], LATER[1]) == Unchanged()


def test_debs_may_be_put_in_without_their_source(made: Repository, tmp_path: Path) -> None:
    built = folder(tmp_path, "built")
    debs = [packages.deb(built, "tiny", "1.0"), packages.deb(built, "tiny-doc", "1.0", "all", source="tiny")]
    outcome = made.include_files("demo", debs, LATER[0])
    assert isinstance(outcome, Included)
    assert {made.catalogue("demo").owner(name) for name in ("tiny", "tiny-doc")} == {"tiny"}
    assert (made.root / "pool/main/t/tiny/tiny-doc_1.0_all.deb").is_file()


def test_a_binary_goes_where_its_section_says(made: Repository, one: tuple[Path, Path], tmp_path: Path) -> None:
    built = folder(tmp_path, "contrib")
    packages.deb(built, "tiny", "1.0", section="contrib/misc")
    assert isinstance(include(made, one[0], built, "1.0", LATER[0]), Included)
    index = gzip.decompress((made.root / "dists/demo/contrib/binary-amd64/Packages.gz").read_bytes())
    assert b"Filename: pool/contrib/t/tiny/tiny_1.0_amd64.deb\n" in index


@pytest.mark.parametrize(("dbgsym", "where"), [("same", "demo"), ("dropped", "")])
def test_debug_symbols_beside_or_dropped(dbgsym: str, where: str, one: tuple[Path, Path], tmp_path: Path) -> None:
    archive = repository(tmp_path, Suite("demo", dbgsym="same" if dbgsym == "same" else "dropped"))
    archive._tree.create()
    sources, built = one
    more = "Auto-Built-Package: debug-symbols\n"
    packages.deb(built, "tiny-dbgsym", "1.0", source="tiny", section="debug", more=more)
    assert isinstance(include(archive, sources, built, "1.0", LATER[0]), Included)
    assert sorted(path.name for path in (archive.root / "dists").iterdir()) == ["demo"]
    assert (archive.catalogue("demo").owner("tiny-dbgsym") == "tiny") == bool(where)


def test_unchanged_indices_are_the_same_files(made: Repository, one: tuple[Path, Path]) -> None:
    before = (made.root / "dists/demo/contrib/binary-amd64/Packages.xz").stat().st_ino
    include(made, *one, "1.0", LATER[0])
    assert (made.root / "dists/demo/contrib/binary-amd64/Packages.xz").stat().st_ino == before


def test_an_architecture_that_joins_gets_the_packages_for_all(made: Repository, tmp_path: Path) -> None:
    built = folder(tmp_path, "built")
    made.include_files("demo", [packages.deb(built, "tiny-doc", "1.0", "all")], LATER[0])
    wider = repository(tmp_path, Suite("demo", architectures=("amd64", "riscv64"), components=("main", "contrib")))
    wider.publish(["demo"], LATER[1])
    index = gzip.decompress((made.root / "dists/demo/main/binary-riscv64/Packages.gz").read_bytes())
    assert b"Package: tiny-doc\n" in index


def test_what_a_client_was_told_of_lately_can_be_had_by_hash(made: Repository, tmp_path: Path) -> None:
    """Of the last publications, and of all of the last minutes: a client may be slower than they are."""
    release = made.root / "dists/demo/Release"
    path, told = "main/binary-amd64/Packages.xz", []
    for number in range(2 * KEPT):
        deb = packages.deb(folder(tmp_path, str(number)), "tiny", f"{number}")
        assert isinstance(made.include_files("demo", [deb], LATER[0] + timedelta(seconds=number)), Included)
        told.append(hashes(release.read_bytes())[path].sha256)
    by_hash = made.root / "dists/demo/main/binary-amd64/by-hash/SHA256"
    assert all((by_hash / sha256).is_file() for sha256 in told)
    deb = packages.deb(folder(tmp_path, "last"), "tiny", "99")
    made.include_files("demo", [deb], LATER[0] + timedelta(hours=1))
    assert [(by_hash / sha256).is_file() for sha256 in told] == [False] * (KEPT + 1) + [True] * (KEPT - 1)


def test_origin_and_label_may_not_change(made: Repository, tmp_path: Path) -> None:
    changed = repository(tmp_path, Suite("demo", label="new", components=("main", "contrib")))
    with pytest.raises(ChangedIdentity, match="Label: debmill is now new"):
        changed.publish(["demo"], LATER[0])
    assert made.current("demo") == "20260101T000000Z"


def test_a_suite_is_found_by_its_codename_and_its_aliases(made: Repository, tmp_path: Path) -> None:
    repository(tmp_path, Suite("demo", aliases=("stable",))).recover()
    dists = made.root / "dists"
    assert (dists / "stable").resolve() == (dists / "demo").resolve()
    assert (dists / "stable-debug").resolve() == (dists / "demo-debug").resolve()
    renamed = repository(tmp_path, Suite("demo", codename="dame"))
    renamed.recover()
    assert sorted(path.name for path in dists.iterdir()) == [
        "dame",
        "dame-debug",
        "demo",
        "demo-debug",
        "next",
        "next-debug",
    ]
    assert renamed.current("dame") is None, "it is no suite of its own"


def test_a_release_is_signed_anew_when_half_of_its_time_is_over(made: Repository, tmp_path: Path) -> None:
    lasting = repository(tmp_path, Suite("demo", valid_days=10, components=("main", "contrib")), Suite("next"))
    lasting.publish(["demo"], LATER[0])
    assert lasting.tend(LATER[0] + timedelta(days=4)) is None
    due = LATER[0] + timedelta(days=5)
    assert lasting.tend(due) == lasting.current("demo") == "20260106T000100Z"
    assert lasting.current("next") == "20260101T000000Z"
    assert b"\nValid-Until: Fri, 16 Jan 2026 00:01:00 UTC\n" in (made.root / "dists/demo/Release").read_bytes()
    assert lasting.tend(due) is None


def test_indices_are_put_in_order_when_much_has_gathered(made: Repository) -> None:
    place = Place("demo", "main", "amd64")
    for now, letter, count in ((LATER[0], "p", 500), (LATER[1], "a", 100)):
        new = (f"{letter}{number:03}" for number in range(count))
        found = tuple(stanzas.binary({**FIELDS, "Package": name}, "f", 1, "1") for name in new)
        with made._publication(["demo"]) as publication:
            publication.apply(Change({place: Difference((), found)}))
            publication.commit(packages.Rubber(), now)
    names = [stanza.package for stanza in made.catalogue("demo").binaries()]
    assert names != sorted(names)
    assert made.tend(LATER[1]) is None, "not in the same second"
    assert made.tend(LATER[2]) == made.current("demo")
    assert [stanza.package for stanza in made.catalogue("demo").binaries()] == sorted(names)
    assert made.tend(LATER[3]) is None, "there is nothing left to do"


def test_very_many_files_are_one_publication_or_none(made: Repository, one: tuple[Path, Path], tmp_path: Path) -> None:
    sources, built = one
    packages.deb(built, "other", "2.0")
    packages.deb(built, "other-doc", "2.0", "all", source="other")
    (built / "bad_1_amd64.deb").write_text("bad")
    (tmp_path / "thief").mkdir()
    thief = packages.deb(tmp_path / "thief", "libc6", "99", source="tiny (1.0)")
    files = [Material(packages.ref_of(path), path) for path in (*sources.iterdir(), *built.iterdir(), thief)]
    refused = made.import_files("demo", files, LATER[0])
    assert isinstance(refused, Refusal)
    assert sorted(line.partition(":")[0] for line in refused.reason.splitlines()) == ["bad_1_amd64.deb", thief.name]
    assert not (made.root / "pool/main").exists()
    included = made.import_files("demo", [one for one in files if one.path.name[:3] not in ("bad", "lib")], LATER[0])
    assert isinstance(included, Included)
    assert sorted(included.packages) == ["other-doc_2.0_all", "other_2.0_amd64", "tiny_1.0_amd64"]
    assert made.catalogue("demo").version_of("tiny") == "1.0"
    assert made.catalogue("demo").owner("other-doc") == "other"


def test_of_two_versions_in_one_import_the_higher_is_published(made: Repository, tmp_path: Path) -> None:
    debs = [packages.deb(folder(tmp_path, version), "tiny", version) for version in ("9.0", "10.0")]
    included = made.import_files("demo", [Material(packages.ref_of(deb), deb) for deb in debs], LATER[0])
    assert isinstance(included, Included)
    assert [one.version for one in made.catalogue("demo").binaries()] == ["10.0"]


def test_two_sources_of_one_import_cannot_have_one_package(made: Repository, tmp_path: Path) -> None:
    debs = []
    for source in ("first", "second"):
        (tmp_path / source).mkdir()
        debs.append(
            packages.deb(tmp_path / source, "tiny", "1.0", "amd64" if source == "first" else "all", source=source)
        )
    refused = made.import_files("demo", [Material(packages.ref_of(deb), deb) for deb in debs], LATER[0])
    assert isinstance(refused, Refusal)
    assert "tiny: belongs to the source first in demo" in refused.reason


def test_a_package_moves_between_sources_that_come_together_in_whatever_order(made: Repository, tmp_path: Path) -> None:
    def delivered(source: str, version: str, *names: str) -> Delivery:
        sources, built = folder(tmp_path, f"{source}-{version}"), folder(tmp_path, f"{source}-{version}-built")
        packages.dsc(sources, source, version, [(name, "any") for name in names])
        for name in names:
            packages.deb(built, name, version, source="" if name == source else f"{source} ({version})")
        upload = packages.upload(sources, source, version)
        return delivery.of_upload(upload, sources, [packages.result(upload, "amd64", built)])

    made.include_together("demo", [delivered("old", "1.0", "old", "moved")], LATER[0])
    taker, giver = delivered("new", "2.0", "new", "moved"), delivered("old", "2.0", "old")
    alone = made.include_together("demo", [taker], LATER[1])
    assert isinstance(alone, Refusal)
    assert "belongs to the source old" in alone.reason

    together = made.include_together("demo", [taker, giver], LATER[1])
    assert isinstance(together, Included)
    assert made.include_together("demo", [taker, giver], LATER[2]) == Unchanged()
    (moved,) = made.catalogue("demo").about((), ("moved",)).binaries()
    assert (moved.source, moved.version) == ("new", "2.0")


def test_a_refusal_of_one_refuses_all_that_come_together_and_names_it(made: Repository, tmp_path: Path) -> None:
    def delivered(source: str, version: str) -> Delivery:
        sources = folder(tmp_path, f"{source}-{version}")
        packages.dsc(sources, source, version)
        return delivery.of_upload(packages.upload(sources, source, version), sources, [])

    made.include_together("demo", [delivered("tiny", "2.0")], LATER[0])
    outcome = made.include_together("demo", [delivered("more", "1.0"), delivered("tiny", "1.0")], LATER[1])
    assert outcome == Refusal("tiny 1.0: demo has 2.0; no version is ever lowered")
    assert made.catalogue("demo").version_of("more") is None


def test_a_damaged_index_is_never_published_again(made: Repository, one: tuple[Path, Path], tmp_path: Path) -> None:
    include(made, *one, "1.0", LATER[0])
    index = (made.root / "dists/demo/main/binary-amd64/Packages.gz").resolve()
    index.write_bytes(gzip.compress(b"Package: evil\nVersion: 1\nArchitecture: amd64\n\n"))
    with pytest.raises(Damaged, match="not the content its Release lists"):
        repository(tmp_path).publish(["demo"], LATER[1])
