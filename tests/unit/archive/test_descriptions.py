"""Long descriptions apart from Packages: each once, while a package has it; and back again when they shall not be."""

from __future__ import annotations

import gzip
import hashlib
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive import descriptions, release, stanzas
from archive.draft import Held
from archive.inclusion import Included, Unchanged
from archive.keeping.records import Rollback
from archive.repository import Repository
from queues.values import Suite
from tests.unit.archive import packages
from tests.unit.archive.packages import MOMENT

SUITE = Suite("demo", architectures=("amd64", "i386"), dbgsym="same", translations=True)
WHOLE = "Description: a tiny package\n It holds one file.\n .\n And this line.\n"
TEXT = WHOLE.removeprefix("Description: ")
MD5 = hashlib.md5(TEXT.encode(), usedforsecurity=False).hexdigest()
SHORT = f"Description: a tiny package\nDescription-md5: {MD5}\n"


def entry(package: str) -> str:
    return f"Package: {package}\nDescription-md5: {MD5}\nDescription-en: {TEXT}"


class Archive:
    def __init__(self, path: Path, suite: Suite = SUITE) -> None:
        self.path = path
        self.number = 0
        self.suite = suite
        self.repository._tree.create()
        self.publish(suite)

    @property
    def repository(self) -> Repository:
        return Repository(self.path / "archive", {"demo": self.suite}, self.path / "keys", packages.Rubber())

    def tick(self) -> int:
        self.number += 1
        return self.number

    def publish(self, suite: Suite) -> None:
        self.suite = suite
        self.repository.publish(["demo"], MOMENT + timedelta(minutes=self.tick()))

    def deb(self, package: str, version: str, architecture: str = "amd64", text: str = "") -> Path:
        into = self.path / f"{package}-{version}-{architecture}"
        into.mkdir()
        made = packages.deb(into, package, version, architecture)
        if text:
            tree = into / "tree"
            subprocess.run(["dpkg-deb", "-R", made, tree], check=True)
            control = tree / "DEBIAN/control"
            control.write_text(control.read_text().replace(TEXT, text))
            subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, made], check=True, capture_output=True)
        return made

    def include(self, *debs: Path) -> None:
        for deb in debs:
            now = MOMENT + timedelta(minutes=self.tick())
            assert isinstance(self.repository.include_files("demo", [deb], now), Included)
            assert self.repository.include_files("demo", [deb], now) == Unchanged()

    def text(self, path: str) -> str:
        """Give an index, compared with Release as a client does."""
        directory = self.path / "archive/dists/demo"
        listed = release.hashes((directory / "Release").read_bytes())
        data = (directory / f"{path}.gz").read_bytes()
        assert release.digest(data) == listed[f"{path}.gz"]
        assert release.digest(gzip.decompress(data)) == listed[path]
        return gzip.decompress(data).decode()

    @property
    def english(self) -> str:
        return self.text("main/i18n/Translation-en")

    @property
    def packages(self) -> list[str]:
        return [self.text(f"main/binary-{one}/Packages") for one in ("amd64", "i386", "all")]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_a_description_of_all_architectures_stands_once(archive: Archive) -> None:
    assert archive.english == ""
    archive.include(archive.deb("tiny", "1"), archive.deb("tiny", "1", "i386"), archive.deb("tiny-doc", "1", "all"))
    assert archive.english == f"{entry('tiny')}\n{entry('tiny-doc')}\n"
    assert not any("It holds one file" in text for text in archive.packages)
    assert [text.count(SHORT) for text in archive.packages] == [2, 2, 1]


def test_it_goes_with_the_last_package_that_has_it(archive: Archive) -> None:
    archive.include(archive.deb("tiny", "1"), archive.deb("tiny", "1", "i386"))
    archive.include(archive.deb("tiny", "2", text="a new one\n It is.\n"))
    assert (archive.english.count("It holds one file"), archive.english.count("It is.")) == (1, 1)
    archive.include(archive.deb("tiny", "2", "i386", "a new one\n It is.\n"))
    assert (archive.english.count("It holds one file"), archive.english.count("It is.")) == (0, 1)


def test_a_package_without_a_long_one_has_no_entry(archive: Archive) -> None:
    archive.include(archive.deb("tiny", "1", text="only this\n"))
    assert archive.english == ""
    assert "Description: only this\nFilename:" in archive.packages[0]


def test_a_suite_that_begins_with_it_or_ends_has_all_of_them(tmp_path: Path) -> None:
    archive = Archive(tmp_path, replace(SUITE, translations=False))
    archive.include(archive.deb("tiny", "1"), archive.deb("tiny", "1", "i386"), archive.deb("doc", "1", "all"))
    before = archive.packages
    archive.publish(SUITE)
    assert archive.english == f"{entry('doc')}\n{entry('tiny')}\n"
    assert [text.count(SHORT) for text in archive.packages] == [2, 2, 1]
    archive.include(archive.deb("tiny", "2"))
    archive.publish(replace(SUITE, translations=False))
    assert [*map(_without_file, archive.packages)] == [*map(_without_file, before)]
    assert not (tmp_path / "archive/dists/demo/main/i18n").exists()


def test_what_is_included_while_it_begins_sees_what_is_there(tmp_path: Path) -> None:
    archive = Archive(tmp_path, replace(SUITE, translations=False))
    archive.include(archive.deb("tiny", "1"), archive.deb("other", "1"))
    archive.suite = SUITE
    archive.include(archive.deb("tiny", "2", text="a new one\n It is.\n"))
    assert re.findall("^Package: (.*)$", archive.english, re.MULTILINE) == ["other", "tiny"]
    assert archive.packages[0].count("Description-md5: ") == 2


def test_a_rollback_brings_them_back(archive: Archive) -> None:
    archive.include(archive.deb("tiny", "1"))
    first, before = archive.repository.current("demo"), archive.english
    archive.include(archive.deb("tiny", "2", text="a new one\n It is.\n"))
    current = archive.repository.current("demo")
    assert first
    assert current
    archive.repository.rollback(Rollback("demo", current, first, "ulla", "why"), MOMENT + timedelta(hours=9))
    assert archive.english == before


def test_parted_and_joined_it_is_as_it_was() -> None:
    fields = {"Package": "a", "Version": "1", "Architecture": "all", "Description": TEXT, "Homepage": "here"}
    whole = stanzas.binary(fields, "pool/a.deb", 1, "0" * 64)
    short, long = descriptions.part(whole)
    assert long

    assert descriptions.joined(short, Held([long])) == whole
    assert descriptions.joined(short, Held([])) == short


def _without_file(index: str) -> str:
    return re.sub("^(Version|Filename|Size|SHA256): .*\n", "", index, flags=re.MULTILINE)
