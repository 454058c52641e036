"""The archive as real clients see it: apt over HTTP, with its own root and nothing of the machine's configuration."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive import release, stanzas
from archive.catalogue import Place
from archive.inclusion import Change, Difference, Included, Inclusion, TooSoon, Unchanged
from archive.keeping.records import Rollback
from archive.repository import Repository
from archive.stanzas import Stanza
from queues.values import BuildResult, Suite, Upload
from tests.unit.archive import packages
from tests.unit.archive.apt import Apt, Server

pytestmark = pytest.mark.integration

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
ORDER = "Acquire::CompressionTypes::Order::"
SUITE = Suite("demo", architectures=("amd64", "i386"))


class Site:
    """An archive, a clock that is stepped by hand, and what a maintainer and builders make for it."""

    def __init__(self, path: Path, *suites: Suite) -> None:
        self.path = path
        self.archive = path / "archive"
        self.now = START
        self.suites = {suite.name: suite for suite in suites or (SUITE,)}
        self.repository = Repository(self.archive, self.suites, path / "keys")
        self.repository.init(self.now)

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def folder(self, *names: str) -> Path:
        path = self.path.joinpath("made", *names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def made(self, version: str, *architectures: str) -> tuple[Upload, Path, list[tuple[BuildResult, Path]]]:
        """Make `tiny` and its results; the same call gives the same files."""
        sources = self.folder(version, "source")
        if not list(sources.iterdir()):
            packages.dsc(sources, "tiny", version, [("tiny", "any"), ("tiny-doc", "all")])
        upload = packages.upload(sources, "tiny", version)
        for architecture in architectures:
            files = self.folder(version, architecture)
            if not list(files.iterdir()):
                name = "tiny-doc" if architecture == "all" else "tiny"
                packages.deb(files, name, version, architecture, source="tiny" if architecture == "all" else "")
        folders = {architecture: self.folder(version, architecture) for architecture in architectures}
        return upload, sources, [packages.result(upload, name, files) for name, files in folders.items()]

    def include(self, version: str, *architectures: str) -> Inclusion:
        """Include `tiny`, built on these architectures."""
        return self.repository.include(*self.made(version, *architectures), self.tick())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def served(site: Site) -> Iterator[Server]:
    with Server(site.archive).serving() as server:
        yield server


def client(tmp_path: Path, site: Site, url: str, suite: str = "demo", architecture: str = "amd64") -> Apt:
    apt = Apt(tmp_path / f"client-{suite}-{architecture}", architecture)
    apt.source(url, suite, site.archive / "keys/archive.gpg")
    return apt


def versions(apt: Apt, package: str = "tiny") -> list[str]:
    shown = apt.run("apt-cache", "madison", package).stdout.splitlines()
    return [line.split("|")[1].strip() for line in shown if "Sources" not in line]


def test_an_empty_archive_can_be_used(site: Site, served: Server, tmp_path: Path) -> None:
    updated = client(tmp_path, site, served.url).update()
    assert updated.returncode == 0, updated.stderr
    assert "W:" not in updated.stderr


def test_apt_updates_by_hash_and_downloads_what_was_included(site: Site, served: Server, tmp_path: Path) -> None:
    included = site.include("1.0", "amd64", "all")
    assert isinstance(included, Included)
    assert included.packages == ("tiny_1.0_amd64", "tiny-doc_1.0_all")
    apt = client(tmp_path, site, served.url)
    updated = apt.update()
    assert updated.returncode == 0, updated.stderr
    assert any("main/binary-amd64/by-hash/SHA256/" in request for request in served.requests)
    got = apt.run("apt-get", "download", "tiny", "tiny-doc")
    assert got.returncode == 0, got.stderr
    (made,) = site.folder("1.0", "amd64").iterdir()
    assert (apt.home / "tiny_1.0_amd64.deb").read_bytes() == made.read_bytes()
    assert (apt.home / "tiny-doc_1.0_all.deb").is_file()


@pytest.mark.parametrize("form", ["gz", "xz", "zst"])
def test_apt_reads_an_index_of_many_pieces(tmp_path: Path, form: str) -> None:
    site = Site(tmp_path / "site", Suite("demo", architectures=("amd64", "i386"), zst=form == "zst"))
    place, many = Place("demo", "main", "amd64"), [stanza(f"p{number:04}", "1") for number in range(3000)]
    changed = [Difference((), tuple(many)), Difference((many[7],), (stanza("p0007", "2"), stanza("behind", "1")))]
    for difference in changed:
        with site.repository._publication(["demo"]) as publication:
            publication.apply(Change({place: difference}))
            publication.commit(site.repository._signer, site.tick())
    with Server(site.archive).serving() as served:
        apt = client(tmp_path, site, served.url)
        updated = apt.run("apt-get", "update", "-o", "APT::Update::Error-Mode=any", "-o", f"{ORDER}={form}")
    assert updated.returncode == 0, updated.stderr
    listed = release.hashes((site.archive / "dists/demo/Release").read_bytes())
    assert any(listed[f"{place.path}.{form}"].sha256 in request for request in served.requests)
    found = apt.run("apt-cache", "dumpavail").stdout
    assert found.count("\nVersion: 1\n") == 3000
    assert found.count("\nVersion: 2\n") == 1
    assert "Package: behind\n" in found


@pytest.mark.parametrize("zst", [False, True])
def test_apt_shows_long_descriptions_that_stand_apart(tmp_path: Path, zst: bool) -> None:
    site = Site(tmp_path / "site", Suite("demo", architectures=("amd64", "i386"), translations=True, zst=zst))
    assert isinstance(site.include("1.0", "amd64", "i386", "all"), Included)
    with Server(site.archive).serving() as server:
        apt = client(tmp_path, site, server.url)
        with apt.configuration.open("a") as configuration:
            configuration.write("#clear Acquire::Languages;\n")
        updated = apt.update()
        assert updated.returncode == 0, updated.stderr
        assert any("main/i18n/by-hash/SHA256/" in request for request in server.requests)
    shown = apt.run("apt-cache", "show", "tiny", "tiny-doc").stdout
    assert shown.count(" It holds one file.\n .\n And this line.\n") == 2
    assert shown.count("\nDescription-md5: ") == 2
    assert (
        "It holds"
        not in gzip.decompress((site.archive / "dists/demo/main/binary-amd64/Packages.gz").read_bytes()).decode()
    )


def test_apt_file_finds_what_was_included(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", Suite("demo", contents=True))
    assert isinstance(site.include("1.0", "amd64", "all"), Included)
    with Server(site.archive).serving() as server:
        apt = client(tmp_path, site, server.url)
        with apt.configuration.open("a") as configuration:
            configuration.write("#include /etc/apt/apt.conf.d/50apt-file.conf;\n")
        updated = apt.update()
    assert updated.returncode == 0, updated.stderr
    assert apt.run("apt-file", "search", "/usr/share/tiny").stdout.splitlines() == [
        "tiny: /usr/share/tiny",
        "tiny-doc: /usr/share/tiny-doc",
    ]


def stanza(name: str, version: str) -> Stanza:
    """Make a stanza of a kilobyte that compresses as badly as real ones."""
    more = "".join(f" {hashlib.sha256(f'{name} {number}'.encode()).hexdigest()}\n" for number in range(12))
    fields = {"Package": name, "Version": version, "Architecture": "amd64", "Maintainer": "Ulla <ulla@example.org>"}
    filename = f"pool/main/p/{name}/{name}_{version}_amd64.deb"
    return stanzas.binary({**fields, "Description": f"tiny\n{more}"}, filename, 1, "0" * 64)


def test_apt_downloads_and_unpacks_the_source(site: Site, served: Server, tmp_path: Path) -> None:
    site.include("1.0", "amd64")
    apt = client(tmp_path, site, served.url)
    apt.update()
    got = apt.run("apt-get", "source", "tiny")
    assert got.returncode == 0, got.stderr
    assert (apt.home / "tiny-1.0/debian/changelog").is_file()
    assert "Directory: pool/main/t/tiny" in apt.run("apt-cache", "showsrc", "tiny").stdout


def test_a_client_sees_each_publication_and_by_hash_of_older_ones(site: Site, served: Server, tmp_path: Path) -> None:
    site.include("1.0", "amd64")
    first = _indices(site)
    apt = client(tmp_path, site, served.url)
    apt.update()
    site.include("2.0", "amd64")
    assert first <= _indices(site)
    updated = apt.update()
    assert updated.returncode == 0, updated.stderr
    assert versions(apt) == ["2.0"]


def test_a_second_publication_in_the_same_second_waits(site: Site) -> None:
    first = site.include("1.0", "amd64")
    site.now -= timedelta(seconds=1)
    assert site.include("2.0", "amd64") == TooSoon(site.now + timedelta(seconds=1))
    second = site.include("2.0", "amd64")
    assert isinstance(first, Included)
    assert isinstance(second, Included)
    assert second.snapshot > first.snapshot


def test_a_replay_changes_nothing(site: Site) -> None:
    site.include("1.0", "amd64", "all")
    before = os.listdir(site.archive / "snapshots")
    assert site.include("1.0", "amd64", "all") == Unchanged()
    assert os.listdir(site.archive / "snapshots") == before


def test_date_and_mtime_rise_and_are_utc(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    path = site.archive / "dists/demo/InRelease"
    before = path.stat().st_mtime
    site.include("1.0", "amd64")
    assert f"Date: {site.now:%a, %d %b %Y %H:%M:%S} UTC\n" in path.read_text()
    assert path.stat().st_mtime == site.now.timestamp() > before


def test_where_a_build_failed_the_older_binaries_stay(site: Site, served: Server, tmp_path: Path) -> None:
    site.include("1.0", "amd64", "i386", "all")
    site.include("2.0", "amd64")
    amd64 = client(tmp_path, site, served.url)
    i386 = client(tmp_path, site, served.url, architecture="i386")
    assert amd64.update().returncode == 0
    assert i386.update().returncode == 0
    assert (versions(amd64), versions(i386)) == (["2.0"], ["1.0"])
    assert versions(amd64, "tiny-doc") == ["1.0"]
    shown = i386.run("apt-cache", "showsrc", "tiny").stdout
    old = next(stanza for stanza in shown.split("\n\n") if "\nVersion: 1.0\n" in stanza)
    assert "\nExtra-Source-Only: yes" in old
    assert i386.run("apt-get", "source", "--download-only", "tiny=1.0").returncode == 0


def test_debug_symbols_are_published_beside(site: Site, served: Server, tmp_path: Path) -> None:
    sources, built = site.folder("source"), site.folder("built")
    packages.dsc(sources, "tiny", "1.0")
    packages.deb(built, "tiny", "1.0")
    more = "Auto-Built-Package: debug-symbols\n"
    packages.deb(built, "tiny-dbgsym", "1.0", source="tiny", section="debug", more=more)
    upload = packages.upload(sources, "tiny", "1.0")
    site.repository.include(upload, sources, [packages.result(upload, "amd64", built)], site.tick())
    own, debug = client(tmp_path, site, served.url), client(tmp_path, site, served.url, "demo-debug")
    assert own.update().returncode == 0
    assert debug.update().returncode == 0
    assert (versions(own, "tiny-dbgsym"), versions(debug, "tiny-dbgsym")) == ([], ["1.0"])
    assert debug.run("apt-get", "download", "tiny-dbgsym").returncode == 0


def test_a_snapshot_is_an_archive_of_its_own(site: Site, served: Server, tmp_path: Path) -> None:
    first = site.include("1.0", "amd64")
    site.include("2.0", "amd64")
    assert isinstance(first, Included)
    apt = client(tmp_path, site, f"{served.url}/snapshots/{first.snapshot}")
    updated = apt.update()
    assert updated.returncode == 0, updated.stderr
    assert versions(apt) == ["1.0"]
    assert apt.run("apt-get", "download", "tiny").returncode == 0


def test_an_expired_release_fails_and_its_snapshot_does_not(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", Suite("demo", valid_days=1, dbgsym="same"))
    site.now -= timedelta(days=3)
    (site.archive / "dists/demo").unlink()
    for path in (site.archive / "snapshots").glob("*Z"):
        subprocess.run(["rm", "-r", path], check=True)
    included = site.include("1.0", "amd64")
    assert isinstance(included, Included)
    with Server(site.archive).serving() as server:
        expired = client(tmp_path / "expired", site, server.url).update()
        kept = client(tmp_path / "kept", site, f"{server.url}/snapshots/{included.snapshot}").update()
    assert expired.returncode != 0
    assert "is expired" in expired.stderr
    assert kept.returncode == 0, kept.stderr


def test_a_release_from_the_future_fails(site: Site, served: Server, tmp_path: Path) -> None:
    site.now = datetime.now(UTC) + timedelta(hours=2)
    site.include("1.0", "amd64")
    updated = client(tmp_path, site, served.url).update()
    assert updated.returncode != 0
    assert "is not valid yet" in updated.stderr


def test_an_unsigned_release_fails(site: Site, served: Server, tmp_path: Path) -> None:
    directory = (site.archive / "dists/demo").resolve()
    (directory / "InRelease").unlink()
    (directory / "Release.gpg").unlink()
    updated = client(tmp_path, site, served.url).update()
    assert updated.returncode != 0
    assert "is not signed" in updated.stderr


def test_a_release_signed_by_another_key_fails(served: Server, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    apt = Apt(tmp_path / "client")
    apt.source(served.url, "demo", other.archive / "keys/archive.gpg")
    updated = apt.update()
    assert updated.returncode != 0
    assert "NO_PUBKEY" in updated.stderr


def test_the_detached_signature_is_enough(site: Site, served: Server, tmp_path: Path) -> None:
    (site.archive / "dists/demo").resolve().joinpath("InRelease").unlink()
    updated = client(tmp_path, site, served.url).update()
    assert updated.returncode == 0, updated.stderr


def test_a_deep_site_signs_and_no_agent_stays(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    site = Site(deep)
    assert isinstance(site.include("1.0", "amd64"), Included)
    sockets = [path.name for path in (deep / "keys/archive").iterdir() if path.is_socket()]
    assert sockets == []


def test_everything_is_readable_by_all_whatever_the_umask(tmp_path: Path) -> None:
    made = Site(tmp_path / "made").made("1.0", "amd64")
    before = os.umask(0o077)
    try:
        site = Site(tmp_path / "site")
        site.repository.include(*made, site.tick())
    finally:
        os.umask(before)
    for path in [site.archive, *site.archive.rglob("*")]:
        mode = path.lstat().st_mode & 0o777
        if not path.is_symlink():
            assert mode in ((0o755,) if path.is_dir() else (0o644, 0o444)), path
    assert (site.path / "keys/archive").stat().st_mode & 0o777 == 0o700


def test_init_again_keeps_key_and_publications(site: Site) -> None:
    key = (site.archive / "keys/archive.gpg").read_bytes()
    current = site.repository.current("demo")
    site.repository.init(site.tick())
    assert (site.archive / "keys/archive.gpg").read_bytes() == key == site.repository.key.export(armored=False)
    assert site.repository.current("demo") == current


@pytest.fixture
def reachable() -> Iterator[Path]:
    """Give a directory that the service account can reach, for commands that give up root."""
    with tempfile.TemporaryDirectory(prefix="archive-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def test_the_command_includes_lists_and_publishes(reachable: Path) -> None:
    def debmill(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "daemons.command", "--site", reachable / "site", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    private = reachable / "private"
    private.mkdir(mode=0o700)
    dsc = packages.dsc(private, "tiny", "1.0")
    deb = packages.deb(private, "tiny", "1.0")
    assert debmill("init", "--suite", "demo").returncode == 0
    included = debmill("archive", "include", dsc, deb, "--suite", "demo")
    assert "included in demo as" in included.stdout, included.stderr
    assert included.stdout.endswith("tiny_1.0_amd64\n")
    (listed,) = json.loads(debmill("archive", "list", "--json").stdout)
    assert (listed["suite"], listed["source"], listed["architectures"]) == ("demo", "tiny", ["amd64"])
    assert "has all of it already" in debmill("archive", "include", deb, "--suite", "demo").stdout
    assert "published demo as" in debmill("archive", "publish").stdout
    refused = debmill("archive", "include", packages.deb(private, "tiny", "0.5"), "--suite", "demo")
    assert refused.returncode == 1
    assert "demo has 1.0; no version is ever lowered" in refused.stderr
    assert debmill("archive", "include", private / "missing.deb", "--suite", "demo").returncode == 2
    before = len(json.loads(debmill("archive", "snapshots", "--json").stdout))
    several = (
        packages.dsc(private, "one", "1.0"),
        packages.dsc(private, "two", "1.0"),
        packages.deb(private, "two", "1.0"),
    )
    assert debmill("archive", "include", *several, "--suite", "demo").stdout.endswith(": two_1.0_amd64\n")
    assert len(json.loads(debmill("archive", "snapshots", "--json").stdout)) == before + 1, "it is one publication"
    many = reachable / "many"
    many.mkdir()
    (many / "below").mkdir()
    packages.dsc(many, "more", "1.0", [("more", "any"), ("more-doc", "all")])
    packages.deb(many / "below", "more", "1.0")
    packages.deb(many / "below", "more-doc", "1.0", "all", source="more")
    packages.deb(many, "alone", "1.0")
    packages.deb(many, "dated", "1:1.0").rename(many / "dated_1%3a1.0_amd64.deb")
    imported = debmill("archive", "import", many, "--suite", "demo")
    assert "included 4 packages" in imported.stdout, imported.stderr
    assert (reachable / "site/archive/pool/main/d/dated/dated_1.0_amd64.deb").exists(), "it is named as apt wants it"
    listed = json.loads(debmill("archive", "list", "--json").stdout)
    assert {row["source"] for row in listed} == {"tiny", "one", "two", "more", "alone", "dated"}
    assert "has all of it already" in debmill("archive", "import", many, "--suite", "demo").stdout
    packages.deb(many, "libc6", "99", source="more (1.0)")
    (many / "broken_1.0_amd64.deb").write_text("no ar")
    refused = debmill("archive", "import", many, "--suite", "demo")
    assert refused.returncode == 1
    assert "libc6_99_amd64.deb: the source package does not declare libc6" in refused.stderr
    assert "broken_1.0_amd64.deb: not an ar archive" in refused.stderr
    assert [path.name for path in (reachable / "site").glob(".*")] == []


def test_the_commands_of_snapshots(reachable: Path) -> None:
    """List, compare, pin, go back, and sweep, with the output that scripts read."""

    def debmill(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "daemons.command", "--site", reachable / "site", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def read(*arguments: str) -> Any:
        done = debmill("archive", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    private = reachable / "private"
    private.mkdir(mode=0o700)
    assert debmill("init", "--suite", "demo").returncode == 0
    for version in ("1.0", "2.0"):
        deb = packages.deb(private, "tiny", version)
        assert debmill("archive", "include", deb, "--suite", "demo").returncode == 0
    second, first, _ = read("snapshots", "--suite", "demo")
    assert second["current"] == ["demo", "demo-debug"]
    changed = {"dist": "demo", "package": "tiny", "architecture": "amd64", "before": "1.0", "after": "2.0"}
    assert second["differences"] == [changed]
    assert read("diff", first["id"], second["id"]) == [changed]
    assert debmill("archive", "diff", "19", second["id"]).returncode == 1
    assert "stays" in debmill("archive", "pin", first["id"], "-m", "the release").stdout
    back = debmill("archive", "rollback", "demo", "-m", "2.0 eats data", "--as", "ulla")
    assert f"as it was in {first['id']}: >tiny 1.0" in back.stdout, back.stderr
    assert f"debmill archive rollback demo {second['id']}" in back.stdout
    newest = read("snapshots", "--last", "1")[0]
    assert newest["rollback"] == {
        "suite": "demo",
        "undone": second["id"],
        "restored": first["id"],
        "by": "ulla",
        "reason": "2.0 eats data",
    }
    assert "demo went back" in debmill("archive", "snapshots").stdout
    assert read("gc", "--dry-run") == {"snapshots": [], "files": [], "size": 0}
    assert "0 snapshots and 0 files" in debmill("archive", "gc").stdout
    found = json.loads(debmill("doctor", "--hashes", "--json").stdout)["findings"]
    assert [one for one in found if "/site/archive" in one["where"]] == []


@pytest.mark.parametrize("by_hash", ["yes", "no"])
def test_apt_sees_a_rollback_and_the_snapshot_it_is_of(
    site: Site, served: Server, tmp_path: Path, by_hash: str
) -> None:
    first, second = (site.include(version, "amd64") for version in ("1.0", "2.0"))
    assert isinstance(first, Included)
    assert isinstance(second, Included)
    apt = client(tmp_path, site, served.url)
    apt.run("apt-get", "update", "-o", f"Acquire::By-Hash={by_hash}")
    assert versions(apt) == ["2.0"]
    what = Rollback("demo", second.snapshot, first.snapshot, "ulla", "it was bad")
    assert isinstance(site.repository.rollback(what, site.tick()), str)
    apt.run("apt-get", "update", "-o", f"Acquire::By-Hash={by_hash}")
    assert versions(apt) == ["1.0"]
    older = client(tmp_path / "older", site, f"{served.url}/snapshots/{second.snapshot}")
    older.update()
    assert versions(older) == ["2.0"]


def _indices(site: Site) -> set[str]:
    return {path.name for path in (site.archive / "dists/demo/main/binary-amd64/by-hash/SHA256").iterdir()}
