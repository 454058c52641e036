"""What `debmill why` says of a publication whose suite went back."""

from __future__ import annotations

from archive.keeping.records import Rollback
from archive.snapshot import SnapshotId
from daemons.telling.undone import undone

ONE, TWO, BACK, FORTH, AGAIN = (SnapshotId(f"20260101T00000{number}Z") for number in range(1, 6))


def back(undone: SnapshotId, restored: SnapshotId, suite: str = "demo") -> Rollback:
    return Rollback(suite, undone, restored, "ulla", "it was bad")


def test_what_was_taken_back_and_came_again() -> None:
    rollbacks = {BACK: back(TWO, ONE), FORTH: back(BACK, TWO)}
    assert undone("demo", TWO, rollbacks) == [
        f"it was taken back with {BACK}, for demo went to {ONE}, by ulla: it was bad",
        f"it came back with {FORTH}, for demo went to {TWO}, by ulla: it was bad",
    ]
    assert undone("demo", ONE, rollbacks) == [], "it was there all the time"


def test_a_way_back_to_a_way_back() -> None:
    rollbacks = {BACK: back(TWO, ONE), FORTH: back(BACK, TWO), AGAIN: back(FORTH, BACK)}
    assert len(undone("demo", TWO, rollbacks)) == 3
    assert undone("demo", AGAIN, rollbacks) == []


def test_what_was_published_upon_a_way_back_lacks_it_too() -> None:
    upon, later = SnapshotId("20260101T000004Z"), SnapshotId("20260101T000006Z")
    rollbacks = {BACK: back(TWO, ONE), later: back(AGAIN, upon)}
    assert len(undone("demo", TWO, rollbacks)) == 1, "it never came again"


def test_another_suite_is_not_concerned() -> None:
    assert undone("demo", TWO, {BACK: back(TWO, ONE, "next")}) == []
