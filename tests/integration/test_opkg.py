"""Feeds over HTTP, read by clients of both worlds with their signature checks on; and by opkg itself where it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from msgspec.structs import replace

from archive.inclusion import Included, Refusal
from archive.repository import Repository
from daemons.telling.subscribing import subscription
from queues.values import Suite
from tests.support.opkg import Failed, Feed, Opkg, openwrt, yocto
from tests.unit.archive import packages
from tests.unit.archive.apt import Apt, Server
from tests.unit.archive.test_reading import ar

pytestmark = pytest.mark.integration

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
SUITE = Suite("demo", architectures=("amd64", "i386"), components=("main", "contrib"), opkg="ipk")
CLIENTS = ("yocto", "openwrt")
DOCUMENT = "usr/share/tiny-doc"


class Site:
    """An archive with feeds, whose clock is stepped by hand."""

    def __init__(self, path: Path, suite: Suite = SUITE) -> None:
        self.path = path
        self.suite = suite
        self.archive = path / "archive"
        self.now = START
        self.repository = Repository(self.archive, {suite.name: suite}, path / "keys")
        self.repository.init(self.now)

    def include(self, version: str) -> str:
        """Include `tiny`, which needs `tiny-doc` by a name that this provides, and `tiny-doc`."""
        folder = self.path / "made" / version
        folder.mkdir(parents=True)
        needs = "Depends: tiny-papers | nothing:any\nInstalled-Size: 7\n"
        packages.deb(folder, "tiny", version, more=needs)
        packages.deb(folder, "tiny-doc", version, "all", source="tiny", more="Provides: tiny-papers (= 5)\n")
        for deb in folder.iterdir():
            deb.chmod(0o444)
        self.now += timedelta(seconds=1)
        made = self.repository.include_files("demo", sorted(folder.iterdir()), self.now)
        assert isinstance(made, Included), made
        return made.snapshot

    def publish(self, suite: Suite) -> None:
        """Publish it again by other rules."""
        self.now += timedelta(seconds=1)
        Repository(self.archive, {suite.name: suite}, self.path / "keys").publish([suite.name], self.now)

    def client(self, kind: str, root: Path, url: str, suite: Suite | None = None) -> Opkg:
        """Give a client that was set up by what debmill tells its users."""
        certificate = (self.archive / "keys/archive.asc").read_text()
        shown = subscription(suite or self.suite, url, certificate, self.repository.feed_key())
        configuration = shown.opkg["amd64"]
        root.mkdir()
        if kind == "openwrt":
            return openwrt(root, configuration, self.archive / "keys" / f"{self.repository.feed_key()}.pub")
        return yocto(root, configuration, (self.archive / "keys/archive.gpg").read_bytes())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def url(site: Site) -> Iterator[str]:
    with Server(site.archive).serving() as server:
        yield server.url


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_client_updates_lists_and_installs_with_what_is_needed(
    site: Site, url: str, tmp_path: Path, kind: str
) -> None:
    site.include("1.0~rc1+b1")
    client = site.client(kind, tmp_path / "root", url)
    client.update()
    assert client.list() == {"tiny": "1.0~rc1+b1", "tiny-doc": "1.0~rc1+b1"}
    client.install("tiny")
    assert client.installed == client.list()
    assert (client.root / DOCUMENT).read_text() == "tiny-doc 1.0~rc1+b1\n"


@pytest.mark.parametrize("kind", CLIENTS)
def test_every_feed_is_there_before_anything_is_published(site: Site, url: str, tmp_path: Path, kind: str) -> None:
    client = site.client(kind, tmp_path / "root", url)
    client.update()
    assert client.list() == {}
    feeds = [Feed.read(path) for path in (site.archive / "opkg/demo").glob("*/*")]
    assert sorted("/".join(feed.url.split("/")[-2:]) for feed in feeds) == [
        f"{component}/{name}" for component in ("contrib", "main") for name in ("all", "amd64", "i386")
    ]


def test_packages_for_all_are_in_each_feed_and_in_one_of_their_own(site: Site) -> None:
    site.include("1.0")
    found = {name: Feed.read(site.archive / "opkg/demo/main" / name).packages for name in ("amd64", "i386", "all")}
    assert {name: sorted(one) for name, one in found.items()} == {
        "amd64": ["tiny", "tiny-doc"],
        "i386": ["tiny-doc"],
        "all": ["tiny-doc"],
    }


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_list_that_was_changed_on_the_way_is_refused(site: Site, url: str, tmp_path: Path, kind: str) -> None:
    site.include("1.0")
    evil = tmp_path / "evil"
    shutil.copytree(site.archive / "opkg/demo/main/amd64", evil)
    (evil / "Packages.gz").write_bytes((site.archive / "opkg/demo/main/i386/Packages.gz").read_bytes())
    client = site.client(kind, tmp_path / "root", url)
    client.configuration = f"arch all 1\nsrc/gz evil {evil.as_uri()}\n"
    with pytest.raises(Failed, match="signature check failed"):
        client.update()
    assert client.list() == {}


@pytest.mark.parametrize("kind", CLIENTS)
def test_another_archives_key_does_not_do(url: str, tmp_path: Path, kind: str) -> None:
    other = Site(tmp_path / "other").client(kind, tmp_path / "root", url)
    with pytest.raises(Failed, match="signature check failed"):
        other.update()


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_client_in_the_middle_of_an_update_gets_what_it_was_told_of(
    site: Site, url: str, tmp_path: Path, kind: str
) -> None:
    site.include("1.0")
    client = site.client(kind, tmp_path / "root", url)
    client.update()
    site.include("2.0")
    client.install("tiny")
    assert client.installed["tiny"] == "1.0"
    client.update()
    assert client.list()["tiny"] == "2.0"


def test_a_snapshot_has_feeds_of_its_own(site: Site, url: str, tmp_path: Path) -> None:
    first = site.include("1.0")
    site.include("2.0")
    client = site.client("openwrt", tmp_path / "root", f"{url}/snapshots/{first}")
    client.update()
    client.install("tiny")
    assert client.installed["tiny"] == "1.0"


def test_feeds_work_from_a_directory(site: Site, tmp_path: Path) -> None:
    site.include("1.0")
    client = site.client("openwrt", tmp_path / "root", site.archive.as_uri())
    client.update()
    client.install("tiny")


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_suites_other_names_are_those_of_its_feeds(tmp_path: Path, kind: str) -> None:
    site = Site(tmp_path / "site", replace(SUITE, aliases=("stable",)))
    site.include("1.0")
    with Server(site.archive).serving() as server:
        client = site.client(kind, tmp_path / "root", server.url, replace(SUITE, name="stable"))
        client.update()
        client.install("tiny")
    site.publish(SUITE)
    assert [path.name for path in (site.archive / "opkg").iterdir()] == ["demo"]


def test_an_unchanged_feed_is_not_made_again(site: Site) -> None:
    site.include("1.0")
    before = {path: path.stat().st_ino for path in (site.archive / "opkg/demo").glob("*/*/*")}
    site.include("2.0")
    after = {path: path.stat().st_ino for path in (site.archive / "opkg/demo").glob("*/*/*")}
    assert before.keys() == after.keys()
    same = {path for path in before if before[path] == after[path]}
    assert {path.parts[-3] for path in same} == {"contrib"}
    site.publish(site.suite)
    again = {path: path.stat().st_ino for path in (site.archive / "opkg/demo").glob("*/*/*")}
    assert again == after


def test_a_package_of_one_architecture_changes_its_feed_alone(site: Site) -> None:
    site.include("1.0")
    before = {path: path.stat().st_ino for path in (site.archive / "opkg/demo").glob("*/*/*")}
    other = packages.deb(site.path, "other", "1.0")
    other.chmod(0o444)
    site.now += timedelta(seconds=1)
    site.repository.include_files("demo", [other], site.now)
    after = {path: path.stat().st_ino for path in before}
    changed = {"/".join(path.parts[-2:]) for path in before if before[path] != after[path]}
    assert {name.split("/")[0] for name in changed} == {"amd64", "all"}
    assert [name for name in changed if name.startswith("all")] == ["all/.pieces"]
    assert sorted(Feed.read(site.archive / "opkg/demo/main/amd64").packages) == ["other", "tiny", "tiny-doc"]


def test_the_index_of_an_architecture_by_another_name(tmp_path: Path) -> None:
    suite = replace(SUITE, opkg_architectures=("amd64=x86_64",))
    site = Site(tmp_path / "site", suite)
    site.include("1.0")
    with Server(site.archive).serving() as server:
        client = site.client("openwrt", tmp_path / "root", server.url)
        client.update()
        assert client.list() == {"tiny": "1.0", "tiny-doc": "1.0"}
        plain = site.client("openwrt", tmp_path / "plain", server.url, SUITE)
        plain.update()
        assert plain.list() == {"tiny-doc": "1.0"}, "an architecture that is not configured vanishes"
    index = json.loads((site.archive / "opkg/demo/main/amd64/index.json").read_text())
    assert (index["version"], index["architecture"]) == (2, "x86_64")


def test_feeds_of_debs_are_for_yocto_alone(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", replace(SUITE, opkg="deb"))
    site.include("1.0")
    assert list(site.archive.rglob("*.ipk")) == []
    with Server(site.archive).serving() as server:
        installing, fooled = (site.client(kind, tmp_path / kind, server.url) for kind in CLIENTS)
        for client in (installing, fooled):
            client.update()
            client.install("tiny")
    assert (installing.root / DOCUMENT).is_file()
    assert not (fooled.root / DOCUMENT).exists(), "this is why they are not offered"
    assert "Not for OpenWrt" in installing.configuration


class Strict(SimpleHTTPRequestHandler):
    """A web server that refuses a path with `..`, as object stores do."""

    def do_GET(self) -> None:
        if ".." in self.path:
            self.send_error(400)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


def test_paths_below_the_feed_are_for_servers_that_refuse_others(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.include("1.0")
    handler = type(
        "Handler", (Strict,), {"__init__": lambda self, *a: Strict.__init__(self, *a, directory=site.archive)}
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.05,)).start()
        url = f"http://127.0.0.1:{server.server_port}"
        above = site.client("openwrt", tmp_path / "above", url)
        above.update()
        with pytest.raises(Failed, match="400"):
            above.install("tiny")
        site.publish(replace(SUITE, opkg_paths="below"))
        below = site.client("openwrt", tmp_path / "below", url)
        below.update()
        below.install("tiny")
        server.shutdown()
    assert (below.root / DOCUMENT).is_file()


def test_a_suite_gets_feeds_later_and_loses_them_again(tmp_path: Path) -> None:
    off = Site(tmp_path / "off", replace(SUITE, opkg="off"))
    off.include("1.0")
    assert list((off.archive / "opkg").iterdir()) == []
    off.publish(SUITE)
    assert sorted(Feed.read(off.archive / "opkg/demo/main/amd64").packages) == ["tiny", "tiny-doc"]
    off.publish(replace(SUITE, opkg="off"))
    assert list((off.archive / "opkg").iterdir()) == []


def test_a_package_that_cannot_be_an_ipk_is_refused_and_nothing_changes(site: Site, tmp_path: Path) -> None:
    deb = packages.deb(tmp_path, "tiny", "1.0")
    control = subprocess.run(["ar", "p", deb, "control.tar.gz"], capture_output=True, check=True).stdout
    deb.write_bytes(ar(("debian-binary", b"2.0\n"), ("control.tar.gz", control), ("data.tar.bz2", b"no")))
    deb.chmod(0o444)
    before = site.repository.current("demo")
    outcome = site.repository.include_files("demo", [deb], site.now + timedelta(seconds=1))
    assert isinstance(outcome, Refusal)
    assert "tiny_1.0_amd64.deb: data.tar.bz2: a compression that is not read here" in outcome.reason
    assert site.repository.current("demo") == site.repository.feeds("demo") == before


def test_the_commands_make_feeds_and_tell_of_them() -> None:
    with tempfile.TemporaryDirectory(prefix="opkg-", dir="/tmp") as place:
        where = Path(place)
        where.chmod(0o755)

        def debmill(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "daemons.command", "--site", where / "site", *arguments]
            return subprocess.run(command, capture_output=True, text=True, check=False)

        assert debmill("init", "--suite", "demo", "--arch", "amd64", "--opkg", "ipk").returncode == 0
        deb = packages.deb(where, "tiny", "1.0")
        included = debmill("archive", "include", deb, "--suite", "demo")
        assert included.returncode == 0, included.stderr
        archive = where / "site/archive"
        (shown,) = json.loads(debmill("archive", "sources", "demo", "--json").stdout)
        (key,) = (archive / "keys").glob("*.pub")
        (where / "root").mkdir()
        client = openwrt(where / "root", shown["opkg"]["amd64"], key)
        client.update()
        client.install("tiny")
        apt = Apt(where / "apt")
        apt.stanza(shown["apt"])
        updated = apt.update()
        assert updated.returncode == 0, updated.stderr
        assert "Version: 1.0" in apt.run("apt-cache", "show", "tiny").stdout
        printed = debmill("archive", "sources").stdout
        assert f"src/gz demo_main {archive.as_uri()}/opkg/demo/main/amd64\n" in printed
        assert "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n" in printed
        assert (where / "site/keys/feeds.sec").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(shutil.which("opkg") is None, reason="Debian has no opkg; the tests above read feeds as it does")
def test_opkg_itself_updates_and_installs(site: Site, url: str, tmp_path: Path) -> None:
    site.include("1.0")
    configuration = tmp_path / "opkg.conf"
    feeds = [line for line in site.client("yocto", tmp_path / "x", url).configuration.splitlines() if line[:3] != "opt"]
    configuration.write_text("\n".join(feeds) + "\n")
    for words in (["update"], ["install", "tiny"]):
        ran = subprocess.run(
            ["opkg", "-f", configuration, "-o", tmp_path / "root", *words], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "root" / DOCUMENT).is_file()
