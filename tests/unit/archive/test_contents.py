"""Contents-ARCH: which file is in which package, after whatever is included and replaced."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import release
from archive.contents import lines
from archive.contents.lines import Line
from archive.inclusion import Included
from archive.indices.pieces import Piece
from archive.repository import Repository
from queues.values import Suite
from tests.unit.archive import packages
from tests.unit.archive.packages import MOMENT

SUITE = Suite("demo", architectures=("amd64", "i386"), dbgsym="same", contents=True)


class Archive:
    def __init__(self, path: Path, suite: Suite = SUITE) -> None:
        self.path = path
        self.number = 0
        self.open(suite)
        self.repository._tree.create()
        self.repository.publish(["demo"], MOMENT)

    def open(self, suite: Suite = SUITE) -> None:
        self.repository = Repository(self.path / "archive", {"demo": suite}, self.path / "keys", packages.Rubber())

    def include(self, package: str, version: str, architecture: str = "amd64", section: str = "misc") -> None:
        self.number += 1
        into = self.path / str(self.number)
        into.mkdir()
        deb = packages.deb(into, package, version, architecture, section=section)
        outcome = self.repository.include_files("demo", [deb], MOMENT + timedelta(minutes=self.number))
        assert isinstance(outcome, Included)

    def contents(self, architecture: str) -> list[str]:
        """Give the lines, compared with Release as a client does."""
        directory, path = self.path / "archive/dists/demo", f"main/Contents-{architecture}"
        listed = release.hashes((directory / "Release").read_bytes())
        data = (directory / f"{path}.gz").read_bytes()
        assert release.digest(data) == listed[f"{path}.gz"]
        assert (directory / "main/by-hash/SHA256" / listed[f"{path}.gz"].sha256).read_bytes() == data
        assert release.digest(gzip.decompress(data)) == listed[path]
        return gzip.decompress(data).decode().splitlines()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_each_architecture_has_its_own_and_all_has_one(archive: Archive) -> None:
    archive.include("tiny", "1.0", section="utils")
    archive.include("tiny-doc", "1.0", "all", section="doc")
    assert archive.contents("amd64") == ["usr/share/tiny utils/tiny"]
    assert archive.contents("all") == ["usr/share/tiny-doc doc/tiny-doc"]
    assert archive.contents("i386") == []


def test_a_replaced_package_stands_once_and_a_lost_list_is_read_again(archive: Archive) -> None:
    archive.include("tiny", "1.0")
    shutil.rmtree(archive.path / "lists")
    shutil.rmtree(archive.path / "texts")
    archive.include("tiny", "2.0", section="utils")
    assert archive.contents("amd64") == ["usr/share/tiny utils/tiny"]


def test_it_is_linked_where_nothing_changed(archive: Archive) -> None:
    archive.include("tiny", "1.0")
    path = archive.path / "archive/dists/demo/main/Contents-amd64.gz"
    before = path.stat().st_ino
    archive.include("tiny-doc", "1.0", "all")
    assert path.stat().st_ino == before


def test_a_suite_that_begins_to_have_it_has_it_whole(tmp_path: Path) -> None:
    archive = Archive(tmp_path, Suite("demo", dbgsym="same"))
    for name in ("one", "two"):
        archive.include(name, "1.0")
    archive.open(Suite("demo", dbgsym="same", contents=True))
    archive.include("two", "2.0")
    assert archive.contents("amd64") == ["usr/share/one misc/one", "usr/share/two misc/two"]
    archive.open(Suite("demo", dbgsym="same"))
    archive.include("three", "1.0")
    assert not (archive.path / "archive/dists/demo/main/Contents-amd64.gz").exists()


@pytest.mark.parametrize("packing", ["xz", "zstd", "none"])
def test_every_compression_of_dpkg_deb_is_read(archive: Archive, packing: str) -> None:
    tree = archive.path / "tree"
    plain = packages.deb(archive.path, "tiny", "1.0")
    subprocess.run(["dpkg-deb", "-R", plain, tree], check=True)
    subprocess.run(["dpkg-deb", f"-Z{packing}", "-b", tree, plain], check=True, capture_output=True)
    outcome = archive.repository.include_files("demo", [plain], MOMENT + timedelta(minutes=1))
    assert isinstance(outcome, Included)
    assert archive.contents("amd64") == ["usr/share/tiny misc/tiny"]


def test_a_package_that_cannot_be_unpacked_is_published_without(archive: Archive) -> None:
    into = archive.path / "broken"
    into.mkdir()
    deb = packages.deb(into, "tiny", "1.0")
    data = deb.read_bytes()
    deb.write_bytes(data.replace(b"data.tar.gz ", b"data.tar.bz2"))
    outcome = archive.repository.include_files("demo", [deb], MOMENT + timedelta(minutes=1))
    assert isinstance(outcome, Included)
    assert archive.contents("amd64") == []


PATHS = st.sampled_from([b"usr/bin/a", b"usr/bin/a b", b"usr/share/doc/x", b"b", *(b"p%d" % n for n in range(9))])
LINES = st.lists(st.builds(Line, PATHS, st.sampled_from([b"misc/one", b"misc/two", b"admin/three"])), max_size=20)


@given(st.lists(st.tuples(LINES, LINES), max_size=6))
def test_whatever_changes_each_path_has_its_packages(changes: Sequence[tuple[list[Line], list[Line]]]) -> None:
    found: list[Piece] = []
    expected: set[Line] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "SIZE", 40)
        for gone, new in changes:
            found = lines.edit(found, gone, new)
            expected = (expected - {*gone}) | {*new}
            text = b"".join(bytes(piece.text) for piece in found)
            cut = [line.rpartition(b" ") for line in text.split(b"\n")[:-1]]
            assert [path for path, _, _ in cut] == sorted({line.path for line in expected})
            assert {Line(path, one) for path, _, all_ in cut for one in all_.split(b",")} == expected
