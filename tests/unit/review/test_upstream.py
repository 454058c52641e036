"""Upstream's signature on a tarball, by real gpg, against the key that the package keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from review.evidence.upstream import signature
from tests.support.people import Person


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Person, Person]]:
    folder = tmp_path_factory.mktemp("people")
    upstream, mallory = Person("upstream", folder), Person("mallory", folder)
    yield upstream, mallory
    upstream.close()
    mallory.close()


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    path = tmp_path / "pkg_1.0.orig.tar.xz"
    path.write_bytes(b"a tarball")
    return path


def said(files: list[Path], key: bytes) -> str:
    return signature(files, key, datetime.now(UTC))


def test_a_signature_by_the_key_that_the_package_keeps_is_good(people: tuple[Person, Person], tarball: Path) -> None:
    upstream, _ = people
    files = [tarball, upstream.sign(tarball)]

    assert said(files, upstream.certificate.read_bytes()) == f"good: {tarball.name}, by {upstream.fingerprint}"


def test_one_by_another_key_or_over_other_octets_is_bad(people: tuple[Person, Person], tarball: Path) -> None:
    upstream, mallory = people
    foreign = [tarball, mallory.sign(tarball)]
    assert said(foreign, upstream.certificate.read_bytes()).startswith("bad: ")
    foreign[1].unlink()
    mine = [tarball, upstream.sign(tarball)]
    tarball.write_bytes(b"another tarball")

    assert said(mine, upstream.certificate.read_bytes()).startswith("bad: ")


def test_where_there_is_a_key_a_signature_is_missed(people: tuple[Person, Person], tarball: Path) -> None:
    key = people[0].certificate.read_bytes()

    assert said([tarball], key).startswith("missing: ")
    assert said([tarball], b"") == ""
    assert said([tarball.with_name("pkg_1.0.tar.xz")], key) == ""
    assert said([tarball, people[0].sign(tarball)], b"not a key").startswith("bad: ")
