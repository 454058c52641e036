"""The pool and the record of what was ever published."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.pool import Member, Mismatch, NameTaken, Pool, directory, plain
from archive.published import Published
from queues.values import FileRef
from tests.unit.archive.packages import ref_of

HOME = "pool/main/t/tiny"


def made(path: Path, content: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("source", "where"),
    [("hello", "h/hello"), ("libtiny", "libt/libtiny"), ("lib", "l/lib"), ("lib3ds", "lib3/lib3ds"), ("0ad", "0/0ad")],
)
def test_directory(source: str, where: str) -> None:
    assert directory("main", source) == f"pool/main/{where}"


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "a b", "a\n", "é", "*"])
def test_names_that_are_not_plain(name: str, tmp_path: Path) -> None:
    assert not plain(name)
    with pytest.raises(Mismatch):
        Pool(tmp_path).add([Member(HOME, FileRef(name, 1, "0"), tmp_path)])


def test_files_are_linked_and_found_again(tmp_path: Path) -> None:
    file = made(tmp_path / "in/tiny_1.0.orig.tar.gz", b"tar")
    ref, pool = ref_of(file), Pool(tmp_path)
    pool.add([Member(HOME, ref, file)])
    pool.add([Member(HOME, ref, file)])
    found = pool.find(ref.name, ref.size, ref.sha256)
    assert found == tmp_path / HOME / ref.name
    assert found.samefile(file)
    assert pool.find(ref.name, ref.size, "0" * 64) is None
    assert pool.find("other_1.0.orig.tar.gz", ref.size, ref.sha256) is None


def test_another_file_of_the_same_name_is_refused(tmp_path: Path) -> None:
    first, second = made(tmp_path / "1/tiny_1.0.dsc", b"one"), made(tmp_path / "2/tiny_1.0.dsc", b"two")
    pool = Pool(tmp_path)
    pool.add([Member(HOME, ref_of(first), first)])
    with pytest.raises(NameTaken):
        pool.add([Member(HOME, ref_of(second), second)])
    assert (tmp_path / HOME / "tiny_1.0.dsc").read_bytes() == b"one"


def test_a_file_that_is_not_what_was_recorded_is_refused(tmp_path: Path) -> None:
    file = made(tmp_path / "in/tiny_1.0.dsc", b"one")
    with pytest.raises(Mismatch):
        Pool(tmp_path).add([Member(HOME, FileRef(file.name, 3, "0" * 64), file)])
    assert not (tmp_path / HOME / file.name).exists()


def test_what_was_published_is_remembered(tmp_path: Path) -> None:
    record, ref = Published(tmp_path / "published"), FileRef("tiny_1.0.dsc", 1, "a" * 64)
    assert record.sha256_of(ref.name) is None
    record.remember([ref])
    record.remember([ref, FileRef("b", 1, "b" * 64)])
    assert Published(record.path).sha256_of(ref.name) == "a" * 64
    assert record.path.read_text() == f"{'a' * 64}  tiny_1.0.dsc\n{'b' * 64}  b\n"
    assert record.conflict([ref]) == ""
    assert "tiny_1.0.dsc: published before" in record.conflict([FileRef("tiny_1.0.dsc", 1, "c" * 64)])


def test_a_line_cut_short_is_ignored_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "published"
    path.write_text(f"{'a' * 64}  one\n{'b' * 64}  tw")
    Published(path).remember([FileRef("three", 1, "c" * 64)])
    assert Published(path).sha256_of("one") == "a" * 64
    assert Published(path).sha256_of("three") == "c" * 64
    assert Published(path).sha256_of("two") is None
