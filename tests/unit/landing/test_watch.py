"""The watch over all landing places, and what it posts for each uploader to read."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from daemons.intake.answers import Answer, Stored
from daemons.intake.area import Areas
from daemons.intake.limits import Limits
from daemons.landing.carrying import Carrier
from daemons.landing.place import Landing
from daemons.landing.posting import LANDED, Board
from daemons.landing.tending import Tender
from daemons.landing.watch import Watch
from queues.clock import utc
from review.people import People

CHANGES = "pkg_1.0_source.changes"
SIGNED = b"-----END PGP SIGNATURE-----\n"


class Told:
    """The reports of everybody."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}

    def names(self, uploader: str) -> Mapping[str, int]:  # noqa: ARG002 -- the shape of reports
        return dict.fromkeys(self.texts, 0)

    def read(self, uploader: str, name: str) -> bytes:  # noqa: ARG002 -- as above
        return self.texts[name]


class Site:
    """Uploaders by name alone, their places, and a judge who notes what came."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.landing = path / "landing"
        self.landing.mkdir()
        self.keys = path / "keys"
        self.areas = Areas(path / "uploading", Limits(free_bytes=0))
        (path / "uploading").mkdir()
        self.came = threading.Event()
        self.judged: list[tuple[str, str]] = []
        self.told = Told()
        self.watch = Watch(self.landing, self.areas, People(self.keys), self.tender, utc)

    def tender(self, landing: Landing) -> Tender:
        carrier = Carrier(landing, self.areas.of(landing.uploader), self.judge)
        return Tender(carrier, Board(landing, self.told), timedelta(hours=24), lambda _: None)

    def judge(self, uploader: str, area: Path, name: str, sha256: str | None) -> Answer:  # noqa: ARG002 -- of a judge
        self.judged.append((uploader, name))
        self.came.set()
        return Stored()

    def add(self, name: str, *, registered: bool = True) -> Path:
        """Make a place, and give its `incoming`."""
        (self.landing / name / "status").mkdir(parents=True)
        (self.landing / name / "incoming").mkdir()
        if registered:
            (self.keys / "uploaders" / name).mkdir(parents=True)
        return self.landing / name / "incoming"

    def posted(self, name: str) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self.landing / name / "status").iterdir()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_place_that_is_made_while_it_runs_is_watched(site: Site) -> None:
    bell, stop = socket.socketpair()
    thread = threading.Thread(target=site.watch.serve_until, args=(bell,))
    thread.start()
    try:
        for name in ("ulla", "udo"):
            site.came.clear()
            (site.add(name) / CHANGES).write_bytes(SIGNED)
            assert site.came.wait(60)
    finally:
        stop.send(b"x")
        thread.join()
        bell.close()
        stop.close()
    assert site.judged == [("ulla", CHANGES), ("udo", CHANGES)]


def test_nothing_is_taken_from_somebody_who_is_no_uploader(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    path = site.add("mallory", registered=False) / CHANGES
    path.write_bytes(SIGNED)
    with caplog.at_level(logging.ERROR):
        site.watch.look()
        site.watch.look()
    assert site.judged == []
    assert path.exists()
    assert len([one for one in caplog.messages if "'mallory' is no uploader" in one]) == 1


def test_a_place_that_is_not_as_it_should_be_hinders_no_other(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.add("alice").rmdir()
    (site.add("ulla") / CHANGES).write_bytes(SIGNED)
    with caplog.at_level(logging.ERROR):
        site.watch.look()
    assert site.judged == [("ulla", CHANGES)]
    assert any("alice/incoming" in one for one in caplog.messages)


def test_reports_are_posted_and_taken_down(site: Site) -> None:
    incoming = site.add("ulla")
    (incoming / "notes\x1b.txt").touch()
    site.told.texts = {"pkg_1.0.txt": b"Stage: it waits\n"}
    site.watch.look()
    said = site.posted("ulla")
    assert said.pop(LANDED) == "notes?.txt: this is not the name of a file of a Debian upload\n"
    assert said == {"pkg_1.0.txt": "Stage: it waits\n"}

    site.told.texts = {}
    (incoming / "notes\x1b.txt").unlink()
    site.watch.look()
    assert site.posted("ulla") == {LANDED: "nothing waits here\n"}
