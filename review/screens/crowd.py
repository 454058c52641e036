"""The waiting uploads as the list shows them: named by their directories at once, read when somebody looks.

With thousands of uploads, reading each before the first is shown would be waited for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from queues.names import EntryName, Key, split
from queues.recovery import recover
from queues.rooms import Room
from review import cases
from review.cases import OPEN, Case
from review.evidence import papers
from review.policy import judging
from review.screens.work import Work

LETTERS = {"red": "R", "amber": "A", "green": "G", "": "?"}


class Facts(Struct, frozen=True):
    """What is read of a case: `mark` and `key` are empty where nothing is known yet."""

    suite: str = ""
    uploader: str = ""
    signed_by: str = ""
    reviewer: str = ""
    mark: str = ""
    key: str = ""
    change: str = ""


class Row(Struct, frozen=True):
    """A case by its name alone."""

    room: Room
    name: EntryName

    @property
    def key(self) -> Key:
        """The key of the upload."""
        return self.name.key

    @property
    def id(self) -> str:
        """The name for people."""
        parts = split(self.name.key)
        return f"{parts.source}_{parts.version}"


class Crowd:
    """All cases, oldest first, and those that the filter lets through."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._known: dict[Row, Facts] = {}
        self.all: list[Row] = []
        self.rows: list[Row] = []
        self.filter = ""

    def look(self) -> bool:
        """See what waits now, and free what the dead held; True when that is something else than before."""
        review = self._work.spool.review
        recover(review, self._work.clock())
        found = {name: Row(room, name) for room in OPEN for name in review.names(room)}
        before, self.all = self.all, [found[name] for name in sorted(found)]
        self._known = {row: self._known[row] for row in self.all if row in self._known}
        self.choose(self.filter)
        return before != self.all

    def choose(self, words: str) -> None:
        """Show only the cases in which each of these words stands; of one that was not read yet, its name counts."""
        self.filter = words
        wanted = words.lower().split()
        self.rows = [row for row in self.all if all(word in self._text(row) for word in wanted)] if wanted else self.all

    def forget_unjudged(self) -> None:
        """Read again, when they are looked at, the cases that had no evidence."""
        self._known = {row: facts for row, facts in self._known.items() if facts.mark}

    def facts(self, row: Row) -> Facts:
        """Give what is known of a case; it is read at the first time."""
        if row not in self._known:
            self._known[row] = self.read(row)
        return self._known[row]

    def read(self, row: Row) -> Facts:
        """Read a case; any thread may."""
        case = cases.at(self._work.spool, row.room, row.name)
        return Facts() if case is None else facts_of(self._work, case)

    def unread(self) -> list[Row]:
        """Give the cases that were not read yet."""
        return [row for row in self.all if row not in self._known]

    def learn(self, found: Mapping[Row, Facts]) -> None:
        """Keep what was read elsewhere."""
        self._known.update(found)
        self.choose(self.filter)

    def marks(self) -> str:
        """Count the marks of what was read."""
        marks = [facts.mark for facts in self._known.values()]
        return " ".join(f"{marks.count(mark)}{LETTERS[mark]}" for mark in LETTERS if marks.count(mark))

    def _text(self, row: Row) -> str:
        facts = self._known.get(row, Facts())
        words = row.id, row.room, facts.suite, facts.uploader, facts.signed_by, facts.reviewer, facts.mark
        return " ".join(words).lower()


def facts_of(work: Work, case: Case) -> Facts:
    """Read what the list shows of a case."""
    upload, evidence = case.upload, papers.read(case.path)
    whose = upload.suite, upload.uploader, upload.signed_by, case.reviewer
    if evidence is None:
        return Facts(*whose)
    mark = judging.judge(evidence, work.policy(upload.suite)).mark
    parts = evidence.difference.parts.values() if evidence.difference else ()
    change = f"+{sum(part.added for part in parts)} -{sum(part.removed for part in parts)}"
    return Facts(*whose, mark, evidence.who.key, change if evidence.difference else "none")


def line(row: Row, facts: Facts, width: int, now: datetime, *, marked: bool) -> str:
    """Write a case on a line of the list, as wide as the screen."""
    state = {Room.READY: "", Room.HOLD: "held", Room.ACTIVE: f"@{facts.reviewer or 'somebody'}"}[row.room]
    key = "" if not facts.key else "good" if facts.key == "good" else "BAD"
    told = _cells((facts.suite, facts.uploader, key, facts.change, state))
    room = max(12, width - len(told) - 12)
    name = row.id if len(row.id) <= room else f"{row.id[: room - 1]}~"
    sign = "*" if marked else " "
    return f"{sign}{LETTERS[facts.mark]} {age(row, now):>7}  {name:<{room}}{told}"


def heading(width: int) -> str:
    """Name the columns."""
    told = _cells(("suite", "uploader", "key", "change", "state"))
    return f"   {'waits':>7}  {'upload':<{max(12, width - len(told) - 12)}}{told}"


def age(row: Row, now: datetime) -> str:
    """Say for how long a case waits, in its largest unit."""
    seconds = max(0, int(now.timestamp() - row.name.stamp / 1e6))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _cells(words: Sequence[str]) -> str:
    return " " + " ".join(f"{word[:width]:<{width}}" for word, width in zip(words, (8, 9, 4, 13, 9), strict=True))
