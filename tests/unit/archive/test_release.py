"""The text of Release files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from archive import release
from archive.release import Digest
from queues.values import Suite

SUITE = Suite("demo", architectures=("amd64", "i386"), origin="Us", label="Our", codename="dame")
WHEN = datetime(2026, 11, 1, 9, 5, 7, tzinfo=UTC)


def test_text() -> None:
    entries = {"main/b": Digest(12, "b" * 64), "main/a": Digest(3, "a" * 64)}
    assert release.text(SUITE, "demo-debug", WHEN, entries, WHEN + timedelta(days=7)).decode().splitlines() == [
        "Origin: Us",
        "Label: Our",
        "Suite: demo-debug",
        "Codename: dame-debug",
        "Date: Sun, 01 Nov 2026 09:05:07 UTC",
        "Valid-Until: Sun, 08 Nov 2026 09:05:07 UTC",
        "Acquire-By-Hash: yes",
        "No-Support-for-Architecture-all: Packages",
        "Architectures: all amd64 i386",
        "Components: main",
        "SHA256:",
        f" {'a' * 64}         3 main/a",
        f" {'b' * 64}        12 main/b",
    ]


def test_where_snapshots_are_is_told_when_it_is_known() -> None:
    made = release.text(SUITE, "demo", WHEN, {}, url="https://example.org/debian").decode()
    assert "\nSnapshots: https://example.org/debian/snapshots/@SNAPSHOTID@/\n" in made


def test_hashes_are_read_back() -> None:
    entries = {"main/source/Sources.gz": Digest(20, "1" * 64), "main/source/Sources": Digest(0, "2" * 64)}
    assert release.hashes(release.text(SUITE, "demo", WHEN, entries)) == entries


def test_another_zone_is_written_as_utc() -> None:
    assert release.moment(WHEN.astimezone(timezone(timedelta(hours=5, minutes=30)))) == release.moment(WHEN)


def test_identity_is_what_clients_compare() -> None:
    assert release.identity(release.text(SUITE, "demo", WHEN, {})) == {
        "Origin": "Us",
        "Label": "Our",
        "Suite": "demo",
        "Codename": "dame",
    }


def test_a_suite_that_is_not_automatic_says_so() -> None:
    text = release.text(Suite("demo", not_automatic=True, but_automatic_upgrades=True), "demo", WHEN, {})
    assert b"\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n" in text
    assert b"Automatic" not in release.text(Suite("demo", but_automatic_upgrades=True), "demo", WHEN, {})
