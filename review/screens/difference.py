"""The diff of a case as rows: files can be folded to one row each, and only what is on the screen is unpacked."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from review.evidence import papers
from review.evidence.pages import Reader, Section
from review.screens.colouring import Colouring, Part
from review.screens.lines import Line, is_in, shown

FOLDED = ("generated", "binary")  # kinds that are folded away at first
AHEAD = 100  # lines that are read, and coloured, at a time
ABOVE = 50  # lines above them that are looked at for their colours: a comment may have begun there
HEAD = 3  # lines that name a file: diff, ---, +++
_STYLES = {"@": "cyan", "+": "green", "-": "red"}


class Difference:
    """The rows of a diff. A folded file has one, an open one as many as it has lines."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.sections = reader.index.sections
        self._folded = {number for number, one in enumerate(self.sections) if one.kind in FOLDED}
        self._chunk: tuple[int, list[bytes]] = (0, [])
        self._colourings: dict[int, Colouring] = {}
        self._coloured: tuple[tuple[int, int], dict[int, tuple[Part, ...]]] = ((-1, -1), {})
        self._count()

    def _count(self) -> None:
        heights = (1 if n in self._folded else one.lines for n, one in enumerate(self.sections))
        self._starts = [0, *accumulate(heights)]

    def __len__(self) -> int:
        return self._starts[-1] + (not self._reader.index.whole)

    def row(self, number: int) -> Line:
        """Give a row."""
        place = self.place(number)
        if place is None:
            return Line(f"the difference was cut off here, after {self._reader.index.lines} lines", "reverse")
        section = self.sections[place]
        if place in self._folded:
            counts = f"{section.kind}, {section.change}, +{section.added} -{section.removed}"
            return Line(f"[+] {shown(section.path)} ({counts})", "bold")
        below = number - self._starts[place]
        text = papers.text_of([self._line(section.first + below)])[0]
        if below < HEAD:
            return Line(text, "bold")
        parts = self._parts(place, section.first + below)
        return Line(text, _STYLES.get(text[:1], ""), parts=((text[:1], "bold"), *parts) if parts else ())

    def _parts(self, place: int, line: int) -> tuple[Part, ...]:
        """Give the colours of a line that is in the new version, as part of what is around it; without its mark."""
        colouring = self._colourings.get(place)
        if colouring is None:
            colouring = self._colourings[place] = Colouring(self.sections[place].path)
        if not colouring:
            return ()
        chunk = (place, line - line % AHEAD)
        if self._coloured[0] != chunk:
            self._coloured = (chunk, self._colours(colouring, *chunk))
        return self._coloured[1].get(line, ())

    def _colours(self, colouring: Colouring, place: int, first: int) -> dict[int, tuple[Part, ...]]:
        section = self.sections[place]
        numbers = range(max(section.first + HEAD, first - ABOVE), min(section.first + section.lines, first + AHEAD))
        shown = dict(zip(numbers, papers.text_of(self._reader.lines(numbers.start, len(numbers))), strict=True))
        new = {number: text[1:] for number, text in shown.items() if text[:1] in ("+", " ")}
        return dict(zip(new, colouring.parts([*new.values()]), strict=True))

    def find(self, words: str, row: int, step: int) -> int | None:
        """Give the next row in which these words stand; a file that is folded is opened for it."""
        if not len(self):
            return None
        at = self.line_of(row)
        lines = range(at + step, self._reader.index.lines if step > 0 else -1, step)
        found = next((line for line in lines if is_in(words, self._line(line).decode(errors="replace"))), None)
        return None if found is None else self.open_at(found)

    def place(self, row: int) -> int | None:
        """Give the number of the file that a row belongs to; None for the row behind the last."""
        return bisect_right(self._starts, row) - 1 if 0 <= row < self._starts[-1] else None

    def line_of(self, row: int) -> int:
        """Give the line of the diff that stands in a row; of a folded file its first."""
        place = self.place(row)
        if place is None:
            return self._reader.index.lines
        return self.sections[place].first + (0 if place in self._folded else row - self._starts[place])

    def open_at(self, line: int) -> int:
        """Open the file that a line of the diff belongs to, and give the line's row."""
        place = max(0, bisect_right(self.sections, line, key=lambda one: one.first) - 1)
        self._folded.discard(place)
        self._count()
        return self._starts[place] + line - self.sections[place].first

    def fold(self, row: int) -> int:
        """Fold the file that a row belongs to, or open it; give the row where it begins."""
        place = self.place(row)
        if place is None:
            return row
        self._folded ^= {place}
        self._count()
        return self._starts[place]

    def fold_all(self, row: int) -> int:
        """Fold every file, or open all when all are folded; give the row where the file of this row begins."""
        place = self.place(row) or 0
        everything = set(range(len(self.sections)))
        self._folded = set() if self._folded == everything else everything
        self._count()
        return self._starts[place]

    def file(self, row: int, step: int) -> int:
        """Give the row where the next file begins, in steps of 1 or -1."""
        place = self.place(row)
        wanted = (len(self.sections) if place is None else place) + step
        return self._starts[min(max(0, wanted), max(0, len(self.sections) - 1))]

    def section(self, row: int) -> Section | None:
        """Give the file that a row belongs to."""
        place = self.place(row)
        return None if place is None else self.sections[place]

    def _line(self, number: int) -> bytes:
        first, lines = self._chunk
        if not first <= number < first + len(lines):
            first = number - number % AHEAD
            lines = self._reader.lines(first, AHEAD)
            self._chunk = (first, lines)
        return lines[number - first]
