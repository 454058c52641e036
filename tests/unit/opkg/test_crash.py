"""Die at every call of a publication with feeds: apt's users and opkg's get the old archive or the new one, each whole.

What a death leaves between the links, the next attempt finishes: in the end all are of one snapshot.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from archive import reading
from archive.inclusion import Included, Unchanged
from archive.opkg import packages as making
from archive.reading import Fields
from archive.repository import Repository
from queues.values import Suite
from tests.support.dying import deaths
from tests.support.opkg import Feed
from tests.unit.archive import packages

SUITE = Suite("demo", dbgsym="same", opkg="ipk")
LATER = [packages.MOMENT + timedelta(minutes=minute) for minute in range(4)]
LINKS = ("opkg/demo", "dists/demo")


class Site:
    """An archive with `tiny` 1.0 and its feeds, copied anew for each death."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.template = path / "template"
        self.debs = {version: packages.deb(path / "debs", "tiny", version) for version in ("1.0", "2.0")}
        for deb in self.debs.values():
            deb.chmod(0o444)
        repository = self.repository(self.template)
        repository._tree.create()
        repository.publish(["demo"], LATER[0])
        repository.include_files("demo", [self.debs["1.0"]], LATER[1])
        self.count = 0

    def repository(self, root: Path, suite: Suite = SUITE) -> Repository:
        return Repository(root, {"demo": suite}, self.path / "keys", signer=packages.Rubber())

    def fresh(self) -> None:
        self.count += 1
        self.root = self.path / str(self.count)
        shutil.copytree(self.template, self.root, symlinks=True)

    def snapshots(self) -> list[str]:
        """Name the snapshots that the links lead to; each must be a whole directory."""
        links = [self.root / link for link in LINKS if (self.root / link).is_symlink()]
        assert all(link.is_dir() for link in links)
        return [os.readlink(link).split("/")[2] for link in links]

    def offered(self) -> tuple[str, str]:
        """Give the version that opkg's users are offered, all that they check being right, and that of apt's."""
        (found,) = Feed.read(self.root / "opkg/demo/main/amd64").packages.values()
        index = gzip.decompress((self.root / "dists/demo/main/binary-amd64/Packages.gz").read_bytes())
        return found["Version"], index.decode().partition("\nVersion: ")[2].partition("\n")[0]


def converted(_: Sequence[str], debs: Sequence[BinaryIO], ipks: Sequence[BinaryIO]) -> None:
    """Make .ipk files without a process for each."""
    for deb, ipk in zip(debs, ipks, strict=True):
        ipk.write(deb.read()[::-1])
        ipk.flush()


def cached(real: Callable[[Sequence[Path]], list[Fields]]) -> Callable[[Sequence[Path]], list[Fields]]:
    """Read each file once, for that takes a process, too."""
    known: dict[tuple[Path, ...], list[Fields]] = {}

    def read(paths: Sequence[Path]) -> list[Fields]:
        return known.get(tuple(paths)) or known.setdefault(tuple(paths), real(paths))

    return read


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(making, "_convert", converted)
    monkeypatch.setattr(reading, "read", cached(reading.read))
    (tmp_path / "debs").mkdir()
    return Site(tmp_path)


@pytest.mark.thorough
def test_include(site: Site) -> None:
    def include() -> object:
        return site.repository(site.root).include_files("demo", [site.debs["2.0"]], LATER[2])

    seen = set()
    for death in deaths(include, fresh=site.fresh):
        seen.add(site.offered())
        site.repository(site.root).recover()
        feeds, dists = site.offered()
        assert feeds == dists, death
        assert site.snapshots() == [max(path.name for path in (site.root / "snapshots").glob("*Z"))] * 2, death
        assert isinstance(include(), Included | Unchanged), death
        assert site.offered() == ("2.0", "2.0"), death
        assert sorted(os.listdir(site.root / "opkg")) == ["demo"], death
        assert len(list((site.root / "snapshots").glob("*Z"))) == 3, death
        shutil.rmtree(site.root)
    assert seen == {("1.0", "1.0"), ("2.0", "1.0"), ("2.0", "2.0")}


def test_switching_feeds_off(site: Site) -> None:
    def publish() -> object:
        return site.repository(site.root, Suite("demo", dbgsym="same")).publish(["demo"], LATER[2])

    for death in deaths(publish, fresh=site.fresh):
        publish()
        assert site.snapshots() == ["20260101T000200Z"], death
        assert os.listdir(site.root / "opkg") == [], death
        shutil.rmtree(site.root)
