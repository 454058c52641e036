"""Mirrors made of the archive by the peers' tools, compared file by file; and very many clients while it changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.inclusion import Included
from archive.keeping.keeper import Keeper
from archive.keeping.records import Rollback
from archive.keeping.thinning import Rule
from archive.repository import Repository
from archive.snapshot import SnapshotId
from queues.values import Suite
from tests.support.crowd import updating
from tests.support.served import served
from tests.support.tools import run
from tests.unit.archive import packages

pytestmark = pytest.mark.integration
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
CLIENTS, ROUNDS = 6, 10


class Archive:
    """An archive with `tiny` and the packages built of it, and the URL where it is served."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = path / "archive"
        self.now = START
        self.repository = Repository(self.root, {"demo": Suite("demo", contents=True)}, path / "keys")
        self.repository.init(self.now)
        self.url = ""

    def include(self, version: str) -> SnapshotId:
        folder = self.path / "made" / version
        folder.mkdir(parents=True)
        dsc = packages.dsc(folder, "tiny", version, [("tiny", "any"), ("tiny-doc", "all")])
        debs = [packages.deb(folder, "tiny", version), packages.deb(folder, "tiny-doc", version, "all", source="tiny")]
        done = self.repository.include_files("demo", [dsc, *folder.glob("*.tar.xz"), *debs], self.tick())
        assert isinstance(done, Included), done
        return done.snapshot

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    @property
    def key(self) -> Path:
        return self.root / "keys/archive.gpg"

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    one = Archive(tmp_path_factory.mktemp("mirrored"))
    one.include("1.0")
    with served(one.root) as one.url:
        yield one


def contents(root: Path) -> set[str]:
    """The SHA256 of every file below a directory."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}


def test_debmirror(archive: Archive, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    what = ["--method=http", f"--host={archive.host}", "--root=/", "--dist=demo", "--section=main", "--arch=amd64"]
    more = ["--source", "--getcontents", "--rsync-extra=none", "--checksums", f"--keyring={archive.key}"]
    run(["debmirror", mirror, *what, *more], env={"HOME": str(tmp_path)})
    assert contents(mirror / "pool") == contents(archive.root / "pool")
    release = (mirror / "dists/demo/Release").read_bytes()
    assert release == (archive.root / "dists/demo/Release").read_bytes()
    assert list((mirror / "dists/demo/main").glob("Contents-amd64*")), "of which the names are in Release"


def test_aptly(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "aptly.conf").write_text(f'{{"rootDir": "{tmp_path}/aptly", "gpgProvider": "gpg"}}')
    aptly = ["aptly", f"-config={tmp_path}/aptly.conf"]
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    keyring = f"-keyring={archive.key}"
    create = ["mirror", "create", keyring, "-with-sources"]
    run([*aptly, *create, "demo", archive.url, "demo", "main"], env=_gpg(home))
    run([*aptly, "mirror", "update", keyring, "demo"], env=_gpg(home))
    assert contents(tmp_path / "aptly/pool") == contents(archive.root / "pool")


def test_reprepro(archive: Archive, tmp_path: Path) -> None:
    home, conf = tmp_path / "gnupg", tmp_path / "mirror/conf"
    home.mkdir(mode=0o700)
    conf.mkdir(parents=True)
    run(["gpg", "--batch", "--import", archive.key], env=_gpg(home))
    listed = run(["gpg", "--batch", "--with-colons", "--list-keys"], env=_gpg(home)).output
    (fingerprint,) = (line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
    (conf / "distributions").write_text(
        "Codename: demo\nArchitectures: amd64 source\nComponents: main\nUpdate: there\n"
    )
    update = f"Name: there\nMethod: {archive.url}\nSuite: demo\nVerifyRelease: {fingerprint[-16:]}\n"
    (conf / "updates").write_text(update)
    run(["reprepro", "-b", tmp_path / "mirror", "update", "demo"], env=_gpg(home))
    assert contents(tmp_path / "mirror/pool") == contents(archive.root / "pool")


def test_mmdebstrap(archive: Archive, tmp_path: Path) -> None:
    source = f"deb [signed-by={archive.key}] {archive.url} demo main"
    options = ["--variant=extract", "--mode=root", "--include=tiny,tiny-doc", "--architectures=amd64"]
    options += ["--format=tar", '--aptopt=APT::Sandbox::User "root"', "--skip=check/empty"]
    made = tmp_path / "root.tar"
    run(["mmdebstrap", *options, "demo", made, source], env={"TMPDIR": str(tmp_path)})
    names = run(["tar", "-tf", made]).output.splitlines()
    assert {"./usr/share/tiny", "./usr/share/tiny-doc"} <= {name.rstrip("/") for name in names}


def test_clients_update_while_the_archive_changes(tmp_path: Path) -> None:
    """Publications, ways back and thinning: not one client sees anything but a whole archive."""
    archive = Archive(tmp_path)
    first = archive.include("1.0")
    keeper = Keeper(archive.root, archive.repository.records)
    with served(archive.root) as url, updating(tmp_path, url, "demo", archive.key, CLIENTS) as crowd:
        for number in range(ROUNDS):
            second = archive.include(f"2.{number}")
            back = archive.repository.rollback(Rollback("demo", second, first, "ulla", ""), archive.tick())
            assert isinstance(back, str)
            keeper.thin(Rule(1, 0, 0, timedelta(0)), archive.now)
            first = back
    assert crowd.errors == []
    assert len(crowd.updates) == CLIENTS
    assert keeper.sweep(Rule(), archive.now, ()).snapshots == ()


def _gpg(home: Path) -> dict[str, str]:
    return {"GNUPGHOME": str(home), "HOME": str(home)}
