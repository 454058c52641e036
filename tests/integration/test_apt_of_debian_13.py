"""The archive as apt of Debian 13 sees it, in a fresh system of its own: every form of index, and its own snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.inclusion import Included
from archive.repository import Repository
from archive.snapshot import SnapshotId
from daemons.building.roots.contents import File
from queues.values import Suite
from tests.support.served import served
from tests.support.systems import TRIXIE, visited
from tests.support.visit import Visit
from tests.unit.archive import packages

pytestmark = pytest.mark.integration
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
KEY = "/etc/apt/keyrings/site.gpg"


class Archive:
    """Two publications of `tiny`, and where they are served."""

    def __init__(self, path: Path, url: str) -> None:
        self.root, self.url = path / "archive", url
        suite = Suite("demo", translations=True, zst=True)
        repository = Repository(self.root, {"demo": suite}, path / "keys", url=url)
        repository.init(START)
        self.snapshots: list[SnapshotId] = []
        for number in (1, 2):
            folder = path / str(number)
            folder.mkdir()
            now = START + timedelta(minutes=number)
            done = repository.include_files("demo", [packages.deb(folder, "tiny", f"{number}.0")], now)
            assert isinstance(done, Included), done
            self.snapshots.append(done.snapshot)

    def run(self, script: str) -> str:
        """Run a script in a fresh system that has this archive and no other; gives what it said."""
        stanza = f"Types: deb\nURIs: {self.url}\nSuites: demo\nComponents: main\nSigned-By: {KEY}\n"
        files = (
            File("/etc/apt/sources.list.d/site.sources", stanza.encode()),
            File(KEY, (self.root / "keys/archive.gpg").read_bytes()),
        )
        alone = "cd /etc/apt; mv sources.list.d/site.sources .; rm -rf sources.list* apt.conf.d; mkdir sources.list.d\n"
        alone += "mv site.sources sources.list.d; mkdir apt.conf.d; set -ex\n"
        done = visited(Visit(TRIXIE.suite, TRIXIE.packages, files, alone + script))
        assert done.status == 0, done.output
        return done.output


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    path = tmp_path_factory.mktemp("site")
    (path / "archive").mkdir()
    with served(path / "archive") as url:
        yield Archive(path, url)


@pytest.mark.parametrize("form", ["gz", "xz", "zst"])
def test_it_updates_shows_and_installs(archive: Archive, form: str) -> None:
    update = f"apt-get update -o APT::Update::Error-Mode=any -o Acquire::CompressionTypes::Order::={form}"
    said = archive.run(f"{update}; apt-cache show tiny; apt-get -qq -y install tiny; cat /usr/share/tiny")
    assert "It holds one file." in said
    assert said.endswith("tiny 2.0\n")
    assert "W:" not in said


def test_it_finds_a_snapshot_by_what_release_says(archive: Archive) -> None:
    first = archive.snapshots[0]
    update = "apt-get update -o APT::Update::Error-Mode=any"
    said = archive.run(f"{update}; {update} -S {first}; apt-get -qq -y -S {first} install tiny; cat /usr/share/tiny")
    assert said.endswith("tiny 1.0\n")
