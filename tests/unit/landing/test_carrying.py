"""What of the landed files is carried into the area, and when: by size, digest, signature, and time."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from daemons.intake.answers import Answer, Stored
from daemons.intake.area import Area
from daemons.intake.limits import Limits
from daemons.landing.carrying import QUIET, SETTLED, Carrier
from daemons.landing.place import Landing
from queues.clock import utc

ORIG, CHANGES = "pkg_1.0.orig.tar.xz", "pkg_1.0_source.changes"
CONTENT = b"the upstream of pkg\n" * 10


class Door:
    """A landing place, an area, and a judge who keeps everything and notes what was asked."""

    def __init__(self, path: Path) -> None:
        self.landing = Landing(path / "ulla")
        self.landing.incoming.mkdir(parents=True)
        self.area = path / "area"
        self.judged: list[str] = []
        area = Area(self.area, Limits(free_bytes=0, area_bytes=10_000))
        self.carrier = Carrier(self.landing, area, self.judge)

    def judge(self, uploader: str, area: Path, name: str, sha256: str | None) -> Answer:
        assert uploader == "ulla"
        assert hashlib.sha256((area / name).read_bytes()).hexdigest() == sha256
        self.judged.append(name)
        return Stored()

    def land(self, name: str, content: bytes = CONTENT) -> Path:
        path = self.landing.incoming / name
        path.write_bytes(content)
        return path

    def name(self, content: bytes = CONTENT) -> None:
        """Land a .changes that names the tarball."""
        line = f" {hashlib.sha256(content).hexdigest()} {len(content)} {ORIG}\n"
        self.land(CHANGES, f"Checksums-Sha256:\n{line}-----END PGP SIGNATURE-----\n".encode())

    def carry(self, later: timedelta = timedelta()) -> list[str]:
        """Carry, so much later than now, and give the files that the judge was asked about."""
        self.judged.clear()
        self.carrier.carry(utc() + later)
        return self.judged


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_a_named_file_that_fits_is_carried_before_the_changes(door: Door) -> None:
    door.land(ORIG)
    door.name()
    assert door.carry() == [ORIG, CHANGES]
    assert [*door.landing.incoming.iterdir()] == []
    assert (door.area / ORIG).read_bytes() == CONTENT


def test_what_no_changes_names_stays(door: Door) -> None:
    door.land(ORIG)
    assert door.carry(QUIET * 10) == []
    door.name()
    assert door.carry() == [ORIG, CHANGES]


def test_a_changes_is_carried_when_its_signature_has_ended(door: Door) -> None:
    path = door.land(CHANGES, b"half of it")
    assert door.carry() == []
    with path.open("ab") as file:
        file.write(b"\n-----END PGP SIGNATURE-----\n")
    assert door.carry() == [CHANGES]


def test_a_changes_that_never_ends_is_judged_when_it_is_quiet(door: Door) -> None:
    door.land(CHANGES, b"no signature")
    assert door.carry(QUIET) == [CHANGES]


def test_a_file_that_grows_is_carried_when_it_is_whole(door: Door) -> None:
    """The .changes came first, and waits in the area."""
    path = door.land(ORIG, CONTENT[:50])
    door.name()
    assert door.carry() == [CHANGES]
    path.write_bytes(CONTENT)
    assert door.carry() == [ORIG]


def test_a_file_of_another_size_is_judged_when_nothing_more_comes(door: Door) -> None:
    door.land(ORIG, CONTENT[:50])
    door.name()
    assert door.carry(SETTLED) == [CHANGES]
    assert door.carry(QUIET) == [ORIG]


def test_a_file_of_other_content_is_judged_when_it_has_settled(door: Door) -> None:
    door.land(ORIG, CONTENT[::-1])
    door.name()
    assert door.carry() == [CHANGES]
    assert door.carry(SETTLED) == [ORIG]


def test_a_file_that_was_copied_in_vain_is_not_copied_at_each_hint(door: Door) -> None:
    path = door.land(ORIG, CONTENT[::-1])
    door.name()
    assert door.carry() == [CHANGES]
    before = path.stat().st_atime_ns
    os.utime(path, ns=(1, 1))  # which makes the next reading of it visible
    assert door.carry() == []
    assert path.stat().st_atime_ns == 1 < before


def test_what_is_sent_again_at_once_is_carried_again(door: Door) -> None:
    for _ in range(2):
        door.land(ORIG)
        door.name()
        assert door.carry() == [ORIG, CHANGES]


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "fifo", "directory"])
def test_what_is_no_plain_file_is_not_followed(door: Door, tmp_path: Path, kind: str) -> None:
    secret, path = tmp_path / "secret", door.landing.incoming / CHANGES
    secret.write_bytes(b"-----END PGP SIGNATURE-----\n")
    if kind == "symbolic link":
        path.symlink_to(secret)
    elif kind == "hard link":
        path.hardlink_to(secret)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert door.carry(QUIET) == []
    assert CHANGES in door.carrier.troubles
    assert not (door.area / CHANGES).exists()


def test_what_is_larger_than_the_room_stays_and_is_told(door: Door) -> None:
    large = b"x" * 20_000
    door.land(ORIG, large)
    door.name(large)
    assert door.carry() == [CHANGES]
    assert "all there is room for" in door.carrier.troubles[ORIG]
    assert (door.landing.incoming / ORIG).exists()


def test_a_name_of_no_upload_is_told(door: Door) -> None:
    door.land("notes.txt")
    assert door.carry(QUIET) == []
    assert "not the name" in door.carrier.troubles["notes.txt"]


def test_a_file_that_was_replaced_while_it_was_copied_stays(door: Door) -> None:
    path = door.land(ORIG)
    seen = path.stat()
    path.unlink()
    door.land(ORIG, CONTENT * 2)
    door.landing.remove(ORIG, seen)
    assert path.exists()


def test_what_nothing_names_for_long_is_removed(door: Door) -> None:
    """By a time that no client sets: `scp -p` brings files that are years old."""
    os.utime(door.land(ORIG), (1, 1))
    door.land("a name\nthat goes into no mail")
    assert door.carrier.drop_old(utc(), timedelta(hours=24)) == []
    assert door.carrier.drop_old(utc() + timedelta(hours=25), timedelta(hours=24)) == [ORIG]
    assert [*door.landing.incoming.iterdir()] == []


def test_times_are_those_of_the_site(door: Door) -> None:
    """The clock is given, not asked for."""
    door.land(CHANGES, b"no signature")
    door.carrier.carry(datetime.fromtimestamp(0, utc().tzinfo))
    assert door.judged == []
