"""The page at the root of the archive."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec import structs

from archive.keeping.records import Rollback
from archive.snapshot import SnapshotId, date
from daemons import samples, settings
from daemons.publisher import Publisher
from daemons.sites import Site
from daemons.telling import page
from daemons.telling.page import Line, Section
from daemons.telling.subscribing import subscription
from queues.values import Suite
from tests.unit.archive import packages
from tests.unit.archive.packages import MOMENT

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n"
ID = SnapshotId("20260101T000000Z")


class Read(HTMLParser):
    """What a reader sees, and every link; a tag that is closed and was not open fails."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(suite: Suite, url: str = "https://packages.example.org") -> Read:
    told = subscription(suite, url or page.ADDRESS, KEY, "1234567890abcdef")
    section = Section(suite, MOMENT, (f"{suite.name}-debug", suite.name), {"dame": suite.name}, told)
    return Read(page.render(url, [section], [Line(ID, MOMENT, (suite.name,), "")]))


def test_it_has_what_apt_and_opkg_users_write_down() -> None:
    found = read(Suite("demo", architectures=("amd64", "arm64"), components=("main", "extra"), opkg="ipk"))
    assert (
        "Types: deb deb-src\nURIs: https://packages.example.org\nSuites: demo\nComponents: main extra\nSigned-By:\n"
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME\n"
    ) in found.text
    assert "src/gz demo_main https://packages.example.org/opkg/demo/main/arm64\n" in found.text
    assert "https://packages.example.org/snapshots/20260101T000000Z" in found.text
    assert "dame" in found.text
    assert found.links == ["keys/archive.asc", "keys/archive.gpg"], "and needs nothing else, from here or elsewhere"
    assert "script" not in found.tags


def test_without_an_address_it_says_what_to_write() -> None:
    found = read(Suite("demo"), url="")
    assert "Write the address of this page in the place of https://ADDRESS below" in found.text
    assert "URIs: https://ADDRESS\n" in found.text


def test_what_settings_say_is_text() -> None:
    found = read(Suite("demo", label="<script>alert(1)</script> & more"))
    assert "script" not in found.tags
    assert "<script>alert(1)</script> & more: package archive" in found.text


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    site = Site(tmp_path)
    site.spool.create(["amd64"])
    site.repository._signer = packages.Rubber()
    site.repository._tree.create()
    (site.archive / "keys/archive.asc").write_text(KEY)
    return site


def test_a_page_that_a_dead_publication_did_not_come_to_is_written_when_the_daemon_begins(site: Site) -> None:
    site.repository.publish(["demo"], MOMENT)
    written, half = site.archive / "index.html", site.archive / ".index.html.new"
    whole = written.read_text()
    for left in ("of the publication before", whole):
        written.write_text(left)
        half.write_text("<html")
        Publisher(site).tidy(MOMENT)
        assert written.read_text() == whole
        assert not half.exists()


def test_it_is_written_when_a_publication_changed_it(site: Site) -> None:
    first = site.repository.publish(["demo"], MOMENT)
    written = site.archive / "index.html"
    assert "2026-01-01 00:00:00 UTC" in written.read_text()
    assert not page.write(site)
    now = MOMENT + timedelta(hours=1)
    assert isinstance(first, str)
    what = Rollback("demo", first, first, "ulla", "private")
    back = site.repository.rollback(what, now)
    assert isinstance(back, str)
    assert f"as it was in {first}" in written.read_text()
    assert "ulla" not in written.read_text()
    assert date(back) == now


def test_a_title_of_several_labels() -> None:
    suite = Suite("demo", label="Mill")
    others = [suite, structs.replace(suite, name="next", label="Mill next")]
    sections = [Section(one, None, (one.name,), {}, subscription(one, "", KEY, "")) for one in others]
    assert "Mill and Mill next: package archive" in Read(page.render("", sections, [])).text
