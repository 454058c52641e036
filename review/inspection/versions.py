"""Whether a version may come in: decided from given facts, nothing is looked up here.

A version rises in its suite, a source and version exist once in the whole archive (there is one pool), and a replay is
the same signed text as one that was taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from queues import control
from queues.names import without_epoch
from queues.values import Suite
from review.inspection.changes import Changes
from review.refusal import REPLAY, Refusal

FORCE = "dput sends it again only with -f"


class Pending(Struct, frozen=True):
    """A version of the same source that is on its way; `where` says in which queue and room. `suite` '': unknown."""

    version: str
    suite: str
    where: str


class Known(Struct, frozen=True):
    """What is known about a source when an upload of it comes.

    `taken` says where an upload with the same signed text went, empty when none was taken. `in_suite` is the version
    in the suite, `published` says whether this very version is published anywhere, `others` are published versions.
    """

    taken: str = ""
    in_suite: str | None = None
    published: bool = False
    others: tuple[str, ...] = ()
    pending: tuple[Pending, ...] = ()


def check(changes: Changes, suite: Suite, known: Known) -> None:
    """Refuse a replay, a version that exists, one that shares file names, or one that is not the highest."""
    _check_replay(changes, known)
    _check_epoch(changes, known)
    _check_unique(changes, suite, known)
    _check_order(changes, suite, known)


def _check_replay(changes: Changes, known: Known) -> None:
    if known.taken:
        raise Refusal(
            REPLAY,
            f"{changes.source} {changes.version}: these signed files were taken before ({known.taken}); make a new "
            f"version, or sign anew with debsign when it was rejected or failed ({FORCE})",
        )


def _check_unique(changes: Changes, suite: Suite, known: Known) -> None:
    name = f"{changes.source} {changes.version}"
    if known.published and known.in_suite == changes.version:
        raise Refusal("published", f"{name} is published in {suite.name} already; make a new version ({FORCE})")
    if known.published:
        raise Refusal(
            "published",
            f"{name} is published already, and there is one pool for all suites: promote or copy it, or use a ~suffix "
            f"version such as {changes.version}~{suite.name}1",
        )
    for one in known.pending:
        if one.version == changes.version:
            raise Refusal("pending", f"{name} is on its way already ({one.where}); make a new version ({FORCE})")


def _check_epoch(changes: Changes, known: Known) -> None:
    for other in (*known.others, *(one.version for one in known.pending)):
        if other != changes.version and without_epoch(other) == without_epoch(changes.version):
            raise Refusal(
                "epoch",
                f"{changes.source} {changes.version} and {other} share their file names, for an epoch stands in none "
                "of them; change the version behind the epoch too",
            )


def _check_order(changes: Changes, suite: Suite, known: Known) -> None:
    places = [(known.in_suite, f"published in {suite.name}")] if known.in_suite else []
    places += [(one.version, one.where) for one in known.pending if one.suite in (suite.name, "")]
    highest = _highest(places)
    if highest and control.compare(changes.version, highest[0]) <= 0:
        raise Refusal(
            "version",
            f"{changes.source} {changes.version} is not higher than {highest[0]} ({highest[1]}); make a higher version",
        )


def _highest(places: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    best: tuple[str, str] | None = None
    for place in places:
        if best is None or control.compare(place[0], best[0]) > 0:
            best = place
    return best
