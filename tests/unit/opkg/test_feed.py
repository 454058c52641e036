"""The lists of a feed: equal to what is made anew, whatever of them is used again."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from archive.opkg import feed, parts
from archive.opkg.feed import Feed
from archive.opkg.parts import NAMES, PACKAGES, PACKED, PIECES, Part, Piece
from archive.opkg.records import Facts, Form

ONE = Feed("amd64", Form(".ipk", "", {"amd64": "x86_64"}), "f" * 16)


def index(*numbers: int, version: str = "1") -> bytes:
    return b"".join(
        b"Package: p%05d\nVersion: %b\nArchitecture: %b\nFilename: pool/p%05d.deb\nDescription: it\n\n"
        % (number, version.encode(), b"all" if number % 2 else b"amd64", number)
        for number in numbers
    )


def cut(text: bytes) -> list[Piece]:
    """Cut an index at every hundredth package, as the indices of apt are cut by size."""
    stanzas = [one + b"\n\n" for one in text.split(b"\n\n") if one]
    starts = [at for at, one in enumerate(stanzas) if one[: len(b"Package: p00000")].endswith(b"00") or at == 0]
    runs = [b"".join(stanzas[start:end]) for start, end in pairwise([*starts, len(stanzas)])]
    return [Piece(hashlib.sha256(run).hexdigest(), partial(bytes, run)) for run in runs]


class Measured:
    """Facts that tell which files were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, names: AbstractSet[str]) -> Mapping[str, Facts]:
        self.asked += sorted(names)
        return {name: Facts(len(name), name[-9:-4].rjust(32, "0"), "0" * 64) for name in names}


def make(text: bytes, known: Mapping[str, Part] | None = None, one: Feed = ONE) -> tuple[dict[str, bytes], list[str]]:
    pieces, measured = cut(text), Measured()
    return feed.lists(one, pieces, feed.make(one, pieces, known or {}, measured)), measured.asked


def put(directory: Path, lists: Mapping[str, bytes]) -> Path:
    for name, content in lists.items():
        (directory / name).write_bytes(content)
    return directory


def test_the_lists_are_of_the_same_packages() -> None:
    lists, _ = make(index(*range(1000)))
    assert lists[PACKAGES].count(b"\n\n") == 1000
    assert gzip.decompress(lists[PACKED]) == lists[PACKAGES]
    assert json.loads(lists[NAMES]) == {
        "version": 2,
        "architecture": "x86_64",
        "packages": {f"p{number:05}": "1" for number in range(1000)},
    }


def test_an_empty_feed_has_every_list() -> None:
    lists, asked = make(b"")
    assert (lists[PACKAGES], gzip.decompress(lists[PACKED]), asked) == (b"", b"", [])
    assert json.loads(lists[NAMES]) == {"version": 2, "architecture": "x86_64", "packages": {}}


def test_a_feed_of_the_packages_for_all_has_no_others() -> None:
    lists, asked = make(index(*range(10)), one=ONE._replace(architecture="all"))
    assert list(json.loads(lists[NAMES])["packages"]) == [f"p{number:05}" for number in (1, 3, 5, 7, 9)]
    assert len(asked) == 5, "no other file is measured, nor made"


@pytest.mark.parametrize(
    "changed",
    [
        index(*range(2001)),
        index(*range(500), *range(501, 2000)),
        index(*range(700)) + index(700, version="2") + index(*range(701, 2000)),
        index(*range(3)),
        b"",
    ],
    ids=["added", "removed", "upgraded", "nearly all removed", "all removed"],
)
def test_what_is_used_again_gives_the_same_bytes(tmp_path: Path, changed: bytes) -> None:
    before = put(tmp_path, make(index(*range(2000)))[0])
    again, asked = make(changed, parts.read(before, ONE.mark))
    assert again == make(changed)[0]
    assert len(asked) <= 1, "what is known of a file is not measured again"


def test_one_new_package_costs_one_piece(tmp_path: Path) -> None:
    known = parts.read(put(tmp_path, make(index(*range(5000)))[0]), ONE.mark)
    pieces = cut(index(*range(5001)))
    assert len(pieces) > 5
    assert sum(piece.key not in known for piece in pieces) <= 2


def test_a_damaged_list_is_made_anew(tmp_path: Path) -> None:
    whole, _ = make(index(*range(2000)))
    for name in (PACKAGES, PACKED, NAMES, PIECES):
        put(tmp_path, whole)
        (tmp_path / name).unlink()
        assert make(index(*range(2000)), parts.read(tmp_path, ONE.mark))[0] == whole, name
        broken = bytearray(whole[name])
        broken[len(broken) // 2] ^= 1
        known = parts.read(put(tmp_path, {**whole, name: bytes(broken)}), ONE.mark)
        assert make(index(*range(2000)), known)[0] == whole, name


def test_a_feed_of_another_form_is_made_anew(tmp_path: Path) -> None:
    before = put(tmp_path, make(index(*range(10)))[0])
    for other in (
        ONE._replace(fingerprint="0" * 16),
        ONE._replace(form=Form(".deb", "", {})),
        ONE._replace(architecture="y"),
    ):
        assert parts.read(before, other.mark) == {}
        assert parts.mark_of(before) != other.mark
    assert parts.mark_of(before) == ONE.mark
    assert parts.read(tmp_path / "none", ONE.mark) == {}


def test_no_list_has_a_size_that_old_usign_gets_wrong() -> None:
    sizes = set()
    for number in range(300):
        text = index(1).replace(b"Description: it", b"Description: " + b"x" * number)
        lists, _ = make(text)
        sizes.add(len(lists[PACKAGES]) % 128)
        assert gzip.decompress(lists[PACKED]) == lists[PACKAGES]
    assert sizes == set(range(128)) - {46, 47}
