"""Index files in pieces: what tools read of them, what a change leaves as it is, and how they come back in order."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from archive import release, stanzas, zst
from archive.catalogue import Place, places_of
from archive.inclusion import Change, Difference
from archive.indices import Damaged, blocks, forms, members, pieces
from archive.indices.index import Index
from archive.indices.pieces import FULL, SMALL, Piece
from archive.indices.revision import Revision
from archive.indices.texts import Texts
from archive.release import Digest
from archive.stanzas import Stanza
from queues.values import Suite
from tests.unit.archive.packages import MOMENT

SUITE = Suite("demo", dbgsym="same")
PLACE = Place("demo", "main", "amd64")


def stanza(name: str, version: str = "1", size: int = 0) -> Stanza:
    more = hashlib.sha256(f"{name} {version}".encode()).hexdigest() * (size // 64)
    fields = {"Package": name, "Version": version, "Architecture": "amd64", "Description": f"tiny{more}"}
    return stanzas.binary(fields, f"pool/{name}_{version}.deb", 1, "0" * 64)


def raw(name: str, version: str = "1", size: int = 0) -> bytes:
    return stanza(name, version, size).text + b"\n"


class Published:
    """A directory of `dists` that is published again and again; each publication is a directory of its own."""

    def __init__(self, path: Path, suite: Suite = SUITE) -> None:
        self.path = path
        self.suite = suite
        self.texts = Texts(path / "texts")
        self.number = 0
        self.change()

    @property
    def directory(self) -> Path:
        return self.path / str(self.number)

    def change(
        self, removed: Iterable[Stanza] = (), added: Iterable[Stanza] = (), *, merge: bool = False
    ) -> dict[str, Digest]:
        revision = Revision(self.directory, self.suite, "demo", self.texts)
        self.number += 1
        difference = {PLACE: Difference(tuple(removed), tuple(added))} if removed or added else {}
        entries = revision.write(self.directory, Change(difference), merge=merge)
        (self.directory / "Release").write_bytes(release.text(self.suite, "demo", MOMENT, entries))
        return entries

    def index(self) -> Index:
        return Index(self.directory, PLACE, release.hashes((self.directory / "Release").read_bytes()))

    def text(self) -> bytes:
        return gzip.decompress((self.directory / f"{PLACE.path}.gz").read_bytes())

    def marks(self) -> list[int]:
        return [piece.marks for piece in self.index().pieces(self.texts)]

    def names(self) -> list[str]:
        return [found.package for found in self.index()]


MANY = [stanza(f"p{number:04}", size=1024) for number in range(3000)]


@pytest.fixture
def many(tmp_path: Path) -> Published:
    published = Published(tmp_path)
    published.change(added=MANY)
    return published


def test_the_texts_of_both_files_are_what_release_lists(many: Published) -> None:
    entries = many.change([MANY[7]], [stanza("p0007", "2"), stanza("new")])
    text = many.text()
    assert release.digest(text) == entries[PLACE.path]
    assert lzma.decompress((many.directory / f"{PLACE.path}.xz").read_bytes()) == text
    for suffix in (".gz", ".xz"):
        path = f"{PLACE.path}{suffix}"
        assert release.digest((many.directory / path).read_bytes()) == entries[path]


def test_the_tools_of_the_field_read_both(many: Published) -> None:
    many.change(added=[stanza("new")])
    path = many.directory / PLACE.path
    subprocess.run(["xz", "--test", f"{path}.xz"], check=True)
    listed = subprocess.run(["xz", "--robot", "--list", f"{path}.xz"], check=True, capture_output=True, text=True)
    streams, found = listed.stdout.splitlines()[1].split("\t")[1:3]
    assert (streams, int(found)) == ("1", len(many.marks()))
    assert int(found) > 5
    for tool in ("xz", "gzip"):
        unpacked = subprocess.run([tool, "-dc", f"{path}.{tool[:2]}"], check=True, capture_output=True)
        assert unpacked.stdout == many.text()


def test_an_empty_index_is_one_that_tools_read(tmp_path: Path) -> None:
    path = Published(tmp_path).directory / PLACE.path
    for tool in ("xz", "gzip"):
        found = subprocess.run([tool, "-dc", f"{path}.{tool[:2]}"], check=True, capture_output=True)
        assert (found.stdout, found.stderr) == (b"", b"")


def test_a_new_package_leaves_all_pieces_as_they_are_and_stands_behind(many: Published) -> None:
    before = [bytes(piece.packed[".xz"].data) for piece in many.index().pieces(many.texts)]
    many.change(added=[stanza("a-new-one")])
    after = [bytes(piece.packed[".xz"].data) for piece in many.index().pieces(many.texts)]
    assert after[:-1] == before
    assert many.names() == [*(found.package for found in MANY), "a-new-one"]
    assert many.marks() == [0] * len(before) + [pieces.TAIL]


def test_a_replaced_package_changes_its_piece_alone(many: Published) -> None:
    before = [bytes(piece.packed[".xz"].data) for piece in many.index().pieces(many.texts)]
    many.change([MANY[1500]], [stanza("p1500", "2")])
    after = [bytes(piece.packed[".xz"].data) for piece in many.index().pieces(many.texts)]
    assert len(after) == len(before)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1
    assert [found.version for found in many.index().named(["p1500"])] == ["2"]


def test_in_order_again_it_is_what_it_would_be_if_written_at_once(many: Published, tmp_path: Path) -> None:
    many.change([MANY[1500]], [stanza("p1500", "2"), stanza("p0001a"), stanza("z"), stanza("a")])
    assert any(many.marks())
    many.change(merge=True)
    assert not any(many.marks())
    fresh = Published(tmp_path / "fresh")
    rest = [found for found in MANY if found.package != "p1500"]
    fresh.change(added=stanzas.ordered([*rest, stanza("p1500", "2"), stanza("p0001a"), stanza("z"), stanza("a")]))
    assert many.text() == fresh.text()
    assert many.change(merge=True) == many.change(), "in order, nothing is written again"


def test_a_long_tail_is_put_in_order_at_once(many: Published) -> None:
    many.change(added=[stanza(f"q{number:04}", size=1024) for number in range(1200)])
    assert not any(many.marks())


def test_packages_are_found_wherever_they_stand(many: Published) -> None:
    many.change([MANY[2]], [stanza("new"), stanza("p0002", "2")])
    found = many.index().named(["p2999", "new", "p0002", "nothing", "a", "zz"])
    assert {(one.package, one.version) for one in found} == {("p2999", "1"), ("new", "1"), ("p0002", "2")}
    assert sorted(many.index(), key=lambda one: one.package) == sorted(
        [*(one for one in MANY if one.package != "p0002"), stanza("p0002", "2"), stanza("new")],
        key=lambda one: one.package,
    )


def test_a_lost_or_wrong_text_is_made_again(many: Published) -> None:
    (heap,) = many.path.glob("texts/demo/main/binary-amd64/Packages/pieces-*")
    heap.write_bytes(heap.read_bytes().replace(b"tiny", b"evil", 1))
    many.change(added=[stanza("new")])
    assert many.text().count(b"\nDescription: tiny") == len(MANY) + 1
    for path in many.path.glob("texts/demo/main/binary-amd64/Packages/*"):
        path.write_bytes(b"nonsense")
    many.change(added=[stanza("newer")])
    assert many.names()[-2:] == ["new", "newer"]


def test_of_a_text_that_changed_little_little_is_written(many: Published) -> None:
    (heap,) = many.path.glob("texts/demo/main/binary-amd64/Packages/pieces-*")
    before = heap.stat().st_size
    many.change(added=[stanza("new")])
    assert before < heap.stat().st_size <= before + pieces.SMALL
    for number in range(40):
        many.change([stanza("p1500", str(number)) if number else MANY[1500]], [stanza("p1500", str(number + 1))])
    kept = [path for path in heap.parent.iterdir() if path.name.startswith("pieces-")]
    assert len(kept) == 1
    assert kept[0].stat().st_size < 2 * len(many.text()) + (17 << 20)
    assert b"".join(many.texts.get(f"demo/{PLACE.path}", release.digest(many.text())) or ()) == many.text()


def test_one_damaged_byte_stops_the_next_publication(many: Published) -> None:
    for suffix in (".gz", ".xz"):
        path = many.directory / f"{PLACE.path}{suffix}"
        sound = path.read_bytes()
        path.write_bytes(sound[:-5] + bytes([sound[-5] ^ 1]) + sound[-4:])
        with pytest.raises(Damaged, match="not the content its Release lists"):
            many.change(added=[stanza("new")])
        many.number -= 1
        path.write_bytes(sound)


def test_an_index_of_another_make_is_read_and_written_anew(tmp_path: Path) -> None:
    published = Published(tmp_path)
    text = b"".join(found.text + b"\n" for found in MANY)
    entries = {PLACE.path: release.digest(text)}
    for suffix, packed in ((".gz", gzip.compress(text)), (".xz", lzma.compress(text))):
        (published.directory / f"{PLACE.path}{suffix}").write_bytes(packed)
        entries[f"{PLACE.path}{suffix}"] = release.digest(packed)
    rest = release.hashes((published.directory / "Release").read_bytes())
    (published.directory / "Release").write_bytes(release.text(SUITE, "demo", MOMENT, {**rest, **entries}))
    assert published.index().named(["p0002"]) == [MANY[2]]
    published.change([MANY[2]], [stanza("p0002", "2")])
    assert [found.version for found in published.index().named(["p0002"])] == ["2"]
    assert len(published.marks()) > 5


NAMES = st.lists(st.sampled_from([f"{letter}{number}" for letter in "abc" for number in range(40)]), unique=True)


@given(st.lists(st.tuples(NAMES, NAMES, st.booleans()), max_size=8))
def test_whatever_changes_an_index_holds_what_it_should(changes: Sequence[tuple[list[str], list[str], bool]]) -> None:
    found: list[Piece] = []
    expected: dict[str, bytes] = {}
    for number, (added, removed, merge) in enumerate(changes):
        gone = [expected.pop(name) for name in {*removed, *added} & expected.keys()]
        new = {name: raw(name, str(number), size=SMALL // 8) for name in sorted(added)}
        found = pieces.edit(found, gone, new.values())
        found = pieces.merge(found) if merge else found
        expected |= new
        assert sorted(one for piece in found for one in pieces.stanzas(piece.text)) == sorted(expected.values())
        ordered = [one for piece in found if not piece.is_tail for one in pieces.stanzas(piece.text)]
        assert [*map(pieces.name_of, ordered)] == sorted(map(pieces.name_of, ordered))
        assert all(pieces.name_of(bytes(piece.text)) == piece.first for piece in found)


def test_a_stanza_that_is_not_there_cannot_go() -> None:
    found = pieces.edit([], [], [raw("a"), raw("b")])
    for gone in (raw("c"), raw("a", "2")):
        with pytest.raises(pieces.Missing):
            pieces.edit(found, [gone], [])


def test_a_source_of_many_versions_is_never_cut_in_two() -> None:
    same = [raw("b", str(number), size=FULL // 4) for number in range(9)]
    found = [*pieces.cut([raw("a", size=FULL), *same, raw("c")])]
    assert [piece.first for piece in found] == [b"a", b"b", b"c"]


def test_files_of_others_are_told_apart() -> None:
    for data in (b"", gzip.compress(b"text"), gzip.compress(b"")):
        with pytest.raises(members.Foreign):
            assert [*members.walk(memoryview(data + b"\x1f"))] == []
    for data in (b"", lzma.compress(b"text", check=lzma.CHECK_CRC32), lzma.compress(b"text")[:-1]):
        with pytest.raises(blocks.Foreign):
            assert [*blocks.read(memoryview(data))] == []


def test_frames_are_cut_apart_where_they_end_and_read_as_one() -> None:
    found = [zst.pack(text, fast=len(text) < 99) for text in (b"a" * 500_000, bytes(range(256)) * 2000, b"b")]
    file = zst.join(found)
    assert [*zst.read(memoryview(file))] == found
    unpacked = subprocess.run(["zstd", "-dc"], input=file, check=True, capture_output=True)
    assert len(unpacked.stdout) == sum(one.text_size for one in found)
    assert [one.text_size for one in zst.read(memoryview(zst.join([])))] == [0]
    for data in (b"no frame", file[:-9], file + b"x"):
        with pytest.raises(zst.Foreign):
            assert [*zst.read(memoryview(data))] == []


def test_a_suite_gets_another_form_and_loses_it_and_the_others_stay_as_they_are(many: Published) -> None:
    before = [bytes(piece.packed[".xz"].data) for piece in many.index().pieces(many.texts)]
    many.suite = replace(SUITE, zst=True)
    assert f"{PLACE.path}.zst" in many.change()
    many.change([MANY[1500]], [stanza("p1500", "2"), stanza("z")])
    unpacked = subprocess.run(["zstd", "-dc", many.directory / f"{PLACE.path}.zst"], check=True, capture_output=True)
    assert unpacked.stdout == many.text()
    after = [piece.packed for piece in many.index().pieces(many.texts)]
    assert sum(bytes(packed[".xz"].data) not in before for packed in after) == 2
    assert all(packed.keys() == {".gz", ".xz", ".zst"} for packed in after)
    many.suite = SUITE
    assert f"{PLACE.path}.zst" not in many.change()
    assert {path.suffix for path in many.directory.glob(f"{PLACE.path}.*")} == {".gz", ".xz"}


def test_every_index_is_there(tmp_path: Path) -> None:
    directory = Published(tmp_path).directory
    for place in places_of(SUITE, "demo"):
        assert {path.suffix for path in directory.glob(f"{place.path}.*")} == {*forms.wanted(SUITE, place)}
    assert (directory / "main/binary-all/Packages.gz").exists(), "which aptly wants, for Release lists it"
