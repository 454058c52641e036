"""The .ipk of a .deb: the form both clients take, the same bytes every time, and nothing of a hostile one."""

from __future__ import annotations

import gzip
import io
import lzma
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

from archive.debfile import NotADeb
from archive.opkg import ipk, packages
from archive.opkg.packages import NotMade
from archive.pool import Pool
from archive.published import Published
from tests.unit.archive import packages as debs
from tests.unit.archive.test_reading import ar

POOL = "pool/main/t/tiny"
VERSION = ("debian-binary", b"2.0\n")


def converted(deb: bytes) -> bytes:
    made = io.BytesIO()
    with tempfile.TemporaryFile() as scratch:
        ipk.convert(io.BytesIO(deb), made, scratch)
    return made.getvalue()


def members(made: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(made), mode="r:gz") as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


def dpkg_deb(option: str, deb: Path) -> bytes:
    return subprocess.run(["dpkg-deb", option, deb], capture_output=True, check=True).stdout


@pytest.mark.parametrize("packing", ["-Zgzip", "-Zxz", "-Zzstd", "-Znone"])
def test_it_holds_what_the_deb_holds(tmp_path: Path, packing: str) -> None:
    plain = debs.deb(tmp_path, "tiny", "1.0")
    subprocess.run(["dpkg-deb", "-R", plain, tmp_path / "tree"], check=True)
    deb = tmp_path / "packed.deb"
    subprocess.run(["dpkg-deb", packing, "-b", tmp_path / "tree", deb], check=True, capture_output=True)
    found = members(converted(deb.read_bytes()))
    assert list(found) == ["./debian-binary", "./data.tar.gz", "./control.tar.gz"]
    assert found["./debian-binary"] == b"2.0\n"
    assert gzip.decompress(found["./control.tar.gz"]) == dpkg_deb("--ctrl-tarfile", deb)
    assert gzip.decompress(found["./data.tar.gz"]) == dpkg_deb("--fsys-tarfile", deb)


def test_the_same_deb_gives_the_same_bytes(tmp_path: Path) -> None:
    deb = debs.deb(tmp_path, "tiny", "1.0").read_bytes()
    made = converted(deb)
    assert made == converted(deb)
    with tarfile.open(fileobj=io.BytesIO(made), mode="r:gz") as tar:
        assert {(one.mtime, one.uid, one.gid, one.uname, one.gname, one.mode) for one in tar} == {
            (0, 0, 0, "", "", 0o644)
        }
    for stream in (made, *list(members(made).values())[1:]):
        assert stream[3:8] == bytes(5), "no name and no time in the gzip header"


CONTROL = ("control.tar.gz", gzip.compress(bytes(10240)))


@pytest.mark.parametrize(
    ("deb", "reason"),
    [
        (b"not ar", "not an ar archive"),
        (ar(VERSION, CONTROL), "no control or data member"),
        (ar(VERSION, CONTROL, ("data.tar.bz2", b"x")), "a compression that is not read here"),
        (ar(VERSION, CONTROL, ("data.tar.zst", b"x" * 99)), "data.tar.zst"),
        (ar(VERSION, CONTROL, ("data.tar.xz", b"no xz")), "data.tar.xz"),
        (ar(VERSION, CONTROL, ("data.tar.xz", lzma.compress(b"x" * 999)[:-9])), "not one whole compressed stream"),
        (ar(VERSION, CONTROL, ("data.tar.gz", gzip.compress(b"x") * 2)), "not one whole compressed stream"),
        (ar(VERSION, CONTROL, ("data.tar", b"x" * 99))[:-50], "cut short"),
    ],
)
def test_what_is_no_whole_deb_is_refused(deb: bytes, reason: str) -> None:
    with pytest.raises(NotADeb, match=reason):
        converted(deb)


def test_it_does_not_grow_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipk, "LARGEST", 1 << 20)
    bomb = lzma.compress(bytes(1 << 24))
    with pytest.raises(NotADeb, match="larger than"):
        converted(ar(VERSION, CONTROL, ("data.tar.xz", bomb)))


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    (tmp_path / POOL).mkdir(parents=True)
    return Pool(tmp_path)


def facts(pool: Pool, *names: str) -> dict[str, packages.Facts]:
    published = Published(pool.root / "published.sha256")
    return packages.facts(pool, published, [f"{POOL}/{name}" for name in names], pool.root / "stage")


def test_a_missing_ipk_is_made_beside_its_deb_and_recorded(pool: Pool) -> None:
    deb = debs.deb(pool.root / POOL, "tiny", "1.0")
    (name,) = found = facts(pool, "tiny_1.0_amd64.ipk")
    made = pool.root / name
    assert made.read_bytes() == converted(deb.read_bytes())
    assert found[name].size == made.stat().st_size
    assert made.stat().st_mode & 0o777 == 0o444
    assert Published(pool.root / "published.sha256").sha256_of(made.name) == found[name].sha256
    inode = made.stat().st_ino
    assert facts(pool, "tiny_1.0_amd64.ipk") == found
    assert made.stat().st_ino == inode, "it is made once"
    assert not (pool.root / "stage").exists()


def test_many_are_made_by_one_child_each_batch(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_TOGETHER", 2)
    for number in range(3):
        debs.deb(pool.root / POOL, f"tiny{number}", "1.0")
    assert len(facts(pool, *(f"tiny{number}_1.0_amd64.ipk" for number in range(3)))) == 3


def test_a_deb_that_cannot_be_one_is_named_and_nothing_is_left(pool: Pool) -> None:
    debs.deb(pool.root / POOL, "good", "1.0")
    (pool.root / POOL / "bad_1.0_amd64.deb").write_bytes(ar(VERSION, CONTROL))
    with pytest.raises(NotMade, match=r"bad_1\.0_amd64\.deb: no control or data member"):
        facts(pool, "bad_1.0_amd64.ipk", "good_1.0_amd64.ipk")
    assert sorted(path.name for path in (pool.root / POOL).iterdir()) == ["bad_1.0_amd64.deb", "good_1.0_amd64.deb"]
    assert not (pool.root / "stage").exists()


def test_a_name_that_was_published_with_other_content_is_refused(pool: Pool) -> None:
    debs.deb(pool.root / POOL, "tiny", "1.0")
    (pool.root / "published.sha256").write_text(f"{'0' * 64}  tiny_1.0_amd64.ipk\n")
    with pytest.raises(NotMade, match="published before with SHA256 000"):
        facts(pool, "tiny_1.0_amd64.ipk")
    assert not (pool.root / POOL / "tiny_1.0_amd64.ipk").exists()


def test_a_deb_that_the_pool_lost_is_named(pool: Pool) -> None:
    with pytest.raises(NotMade, match=r"tiny_1\.0_amd64\.deb: an index names it and it is not there"):
        facts(pool, "tiny_1.0_amd64.deb")
    with pytest.raises(NotMade, match=r"tiny_1\.0_amd64\.deb: an index names it and it is not there"):
        facts(pool, "tiny_1.0_amd64.ipk")
