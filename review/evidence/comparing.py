"""From the diff that the sandbox wrote to the pages that are kept: one pass that counts and looks for signs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import BinaryIO

from msgspec import Struct

from review.evidence import diffs, kinds, tree, trust
from review.evidence.diffs import Line
from review.evidence.pages import Index, Section, Writer
from review.evidence.tree import Node, change
from review.evidence.values import Change, Kind, Part, Sign

MOST = 3_000_000  # lines of a diff that are read, for half a minute at most


class Compared(Struct, frozen=True):
    """What one pass over a diff gives."""

    index: Index
    parts: dict[Kind, Part]
    files: dict[Change, int]
    signs: tuple[Sign, ...]


class _Open:
    """The section that is being read."""

    def __init__(self, path: str, first: int, *, binary: bool) -> None:
        self.path = path
        self.first = first
        self.binary = binary
        self.runs = trust.builds(path)
        self.added = self.removed = 0


class Comparison:
    """Reads a diff of two trees into pages."""

    def __init__(self, old: Mapping[str, Node], new: Mapping[str, Node], programs: Collection[str], into: BinaryIO):
        """Take the files of both trees, and those of the new one that hold machine code."""
        self.old = old
        self.new = new
        self.programs = programs
        self._writer = Writer(into)
        self._sections: list[Section] = []
        self._signs: dict[str, list[Sign]] = {}  # by kind
        self._left_out: Counter[str] = Counter()
        self._open: _Open | None = None
        self._head: int | None = None  # of a section whose path is not known yet

    def read(self, lines: Iterable[bytes], *, whole: bool) -> Compared:
        """Read it to its end; `whole`: nothing was cut off behind it."""
        rest = iter(lines)
        for line in diffs.read(islice(rest, MOST)):
            self._take(line)
        whole = whole and next(rest, None) is None
        self._end(self._writer.lines)
        self._add_the_silent()
        self._writer.flush()
        self._mark(
            Sign("program", path, "holds machine code (ELF)")
            for path in sorted(self.programs)
            if self.old.get(path) != self.new.get(path) and not kinds.is_program(path)
        )
        index = Index(self._writer.lines, whole, tuple(self._writer.pages), tuple(self._sections))
        return Compared(index, self._parts(), self._files(), self._marked())

    def _take(self, line: Line) -> None:
        number = self._writer.write(line.text)
        if line.mark == "head":
            self._begin(line, number)
        elif line.mark == "binary":
            self._end(number)
            self._open = _Open(line.path, number, binary=True)
        elif self._open is not None and line.mark == "added":
            self._open.added += 1
            self._mark(trust.of_line(line.path, line.text, number, runs=self._open.runs))
        elif self._open is not None and line.mark == "removed":
            self._open.removed += 1

    def _begin(self, line: Line, number: int) -> None:
        if line.text.startswith(b"diff "):
            self._end(number)
            self._head = number
        elif self._head is not None:
            self._open, self._head = _Open(line.path, self._head, binary=False), None

    def _end(self, number: int) -> None:
        if self._open is None:
            return
        one, self._open = self._open, None
        became = change(one.path, self.old, self.new)
        kind = kinds.kind(one.path, binary=one.binary)
        self._sections.append(Section(one.path, became, kind, one.first, number - one.first, one.added, one.removed))
        sign = trust.of_file(one.path, became)
        if sign is not None:
            self._mark([Sign(sign.kind, sign.path, sign.words, one.first)])

    def _mark(self, signs: Iterable[Sign]) -> None:
        for sign in signs:
            kept = self._signs.setdefault(sign.kind, [])
            if len(kept) < trust.MOST:
                kept.append(sign)
            else:
                self._left_out[sign.kind] += 1

    def _marked(self) -> tuple[Sign, ...]:
        """Give the signs by kind, in the order of the table of kinds; of each is said how many were left out."""
        found: list[Sign] = []
        for kind in trust.KINDS:
            found += self._signs.get(kind, [])
            if more := self._left_out[kind]:
                found.append(Sign(kind, "", f"{more} more, which are not shown"))
        return tuple(found)

    def _add_the_silent(self) -> None:
        """Add what differs without a line of diff: empty files, links, modes, odd names."""
        seen = {section.path for section in self._sections}
        for path in sorted({*self.old, *self.new} - seen):
            if self.old.get(path) != self.new.get(path):
                self._open = _Open(path, self._writer.lines, binary=False)
                self._write_link(path)
                self._end(self._writer.lines)
        self._mark(
            Sign("link", path, f"leads out of the source, to {node.target}")
            for path, node in sorted(self.new.items())
            if self.old.get(path) != node and tree.leads_out(path, node.target)
        )
        self._mark(
            Sign("odd-name", path, "there are control characters in its name")
            for path in sorted(self.new)
            if not path.isprintable()
        )

    def _write_link(self, path: str) -> None:
        """Say where a link leads, and where it led: diff(1) says nothing of one that only one tree has."""
        for mark, node in ((b"-", self.old.get(path)), (b"+", self.new.get(path))):
            if node is not None and node.target:
                self._writer.write(mark + f"{path} -> {node.target}".replace("\n", "\\n").encode(errors="replace"))

    def _parts(self) -> dict[Kind, Part]:
        found: dict[Kind, Part] = {}
        for one in self._sections:
            before = found.get(one.kind, Part())
            found[one.kind] = Part(before.files + 1, before.added + one.added, before.removed + one.removed)
        return found

    def _files(self) -> dict[Change, int]:
        return dict(Counter(section.change for section in self._sections))
