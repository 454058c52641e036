"""Die at every call of an inclusion: the archive is the old one or the new one, and the next attempt finishes."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from archive import release
from archive.contents import lists
from archive.inclusion import Included, Inclusion, Unchanged
from archive.repository import Repository
from queues.values import Suite
from tests.support.dying import deaths
from tests.unit.archive import packages

SUITE = Suite("demo", codename="dame", contents=True)
FIRST = packages.MOMENT + timedelta(hours=1)
PACKAGES = "main/binary-amd64/Packages.gz"
DISTS = ("demo-debug", "demo")


class Site:
    """An archive with `tiny` 1.0, copied anew for each death, and 2.0 on its way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.template = path / "template"
        repository = self.repository(self.template)
        repository._tree.create()
        repository.publish(["demo"], packages.MOMENT)
        assert isinstance(self.include(repository, "1.0"), Included)
        self.count = 0

    def repository(self, root: Path) -> Repository:
        return Repository(root, {"demo": SUITE}, self.path / "keys", signer=packages.Rubber())

    def fresh(self) -> None:
        self.count += 1
        self.root = self.path / str(self.count)
        shutil.copytree(self.template, self.root, symlinks=True)

    def include(self, repository: Repository, version: str) -> Inclusion:
        sources, built = self.path / version / "source", self.path / version / "built"
        if not built.exists():
            sources.mkdir(parents=True)
            built.mkdir()
            packages.dsc(sources, "tiny", version)
            packages.deb(built, "tiny", version)
            more = "Auto-Built-Package: debug-symbols\n"
            packages.deb(built, "tiny-dbgsym", version, source="tiny", section="debug", more=more)
        upload = packages.upload(sources, "tiny", version)
        now = FIRST if version == "1.0" else FIRST + timedelta(minutes=1)
        return repository.include(upload, sources, [packages.result(upload, "amd64", built)], now)

    def version(self, dist: str) -> str:
        """Check a directory of `dists` against its Release, as a client does, and give the version in it."""
        directory = self.root / "dists" / dist
        text = (directory / "Release").read_bytes()
        assert (directory / "InRelease").read_bytes() == text
        for path, digest in release.hashes(text).items():
            for file in (directory / path, (directory / path).parent / "by-hash/SHA256" / digest.sha256):
                if path.endswith((".gz", ".xz")):
                    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest.sha256
        text = gzip.decompress((directory / PACKAGES).read_bytes())
        (version,) = re.findall(rb"^Version: (.*)$", text, re.MULTILINE)
        return bytes(version).decode()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    packages.read_once(monkeypatch)
    monkeypatch.setattr(lists, "_read", lambda paths: [[f"usr/share/{path.name}".encode()] for path in paths])
    return Site(tmp_path)


@pytest.mark.thorough
def test_include(site: Site) -> None:
    seen = set()
    for death in deaths(lambda: site.include(site.repository(site.root), "2.0"), fresh=site.fresh):
        seen.add(_versions(site))
        again = site.include(site.repository(site.root), "2.0")
        assert isinstance(again, Included | Unchanged), death
        assert _versions(site) == "2.0", death
        _nothing_is_left(site)
        shutil.rmtree(site.root)
    assert seen == {"1.0", "2.0", "2.0 beside 1.0"}


def _versions(site: Site) -> str:
    debug, own = map(site.version, DISTS)
    return own if own == debug else f"{debug} beside {own}"


def _nothing_is_left(site: Site) -> None:
    linked = {os.readlink(site.root / "dists" / dist).split("/")[2] for dist in DISTS}
    assert sorted(os.listdir(site.root / "dists")) == sorted((*DISTS, "dame", "dame-debug"))
    snapshots = [name for name in os.listdir(site.root / "snapshots") if name != "published.sha256"]
    assert len(snapshots) == 3
    assert linked == {max(snapshots)}
