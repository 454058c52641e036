"""A long text that is kept compressed and read from anywhere at once: gzip members of some hundred lines each.

`diff` is the concatenation of the members, so zcat(1) shows it. `index` is JSON (`Index`): where each page begins, and
the sections, which are the files that differ, in the order of the text. Lines are numbered from 0.
"""

from __future__ import annotations

import gzip
from bisect import bisect_right
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
from msgspec import Struct

from queues import papers
from review.evidence.values import Change, Kind

TEXT, INDEX = "diff", "index"
LINES, BYTES = 500, 64 << 10  # of a page, whichever comes first
KEPT = 16  # pages that a reader keeps unpacked


class Section(Struct, frozen=True, array_like=True):
    """One file that differs: where its lines begin, how many they are, and how many it adds and removes."""

    path: str
    change: Change
    kind: Kind
    first: int
    lines: int
    added: int
    removed: int


class Page(NamedTuple):
    """The number of a page's first line, and where its member begins in the file."""

    line: int
    offset: int


class Index(Struct, frozen=True):
    """The pages and sections of a text of so many lines; `whole` is false when its end was left out."""

    lines: int
    whole: bool
    pages: tuple[Page, ...]
    sections: tuple[Section, ...]


class Writer:
    """Writes pages to an open file; holds one page."""

    def __init__(self, file: BinaryIO) -> None:
        self.lines = 0
        self.pages: list[Page] = []
        self._file = file
        self._page: list[bytes] = []
        self._size = self._offset = 0

    def write(self, line: bytes) -> int:
        """Add a line without its newline, and give its number."""
        if len(self._page) == LINES or self._size > BYTES:
            self.flush()
        self._page.append(line)
        self._size += len(line) + 1
        self.lines += 1
        return self.lines - 1

    def flush(self) -> None:
        """End the page."""
        if self._page:
            self.pages.append(Page(self.lines - len(self._page), self._offset))
            packed = gzip.compress(b"\n".join([*self._page, b""]), 6, mtime=0)
            self._offset += self._file.write(packed)
            self._page, self._size = [], 0


class Reader:
    """Reads lines of a text, any, in the time it takes to unpack a page or two."""

    def __init__(self, directory: Path) -> None:
        """Open the text in the directory `evidence` of an entry. Raises FileNotFoundError, msgspec.DecodeError."""
        self.index = msgspec.json.decode(papers.read(directory / INDEX), type=Index)
        self._path = directory / TEXT
        self._page = lru_cache(KEPT)(self._unpacked)

    def lines(self, first: int, count: int) -> list[bytes]:
        """Give up to `count` lines from a line on."""
        found: list[bytes] = []
        number = max(0, bisect_right(self.index.pages, first, key=lambda page: page.line) - 1)
        skip = first - self.index.pages[number].line if self.index.pages else 0
        while len(found) < skip + count and number < len(self.index.pages):
            found += self._page(number)
            number += 1
        return found[skip : skip + count]

    def section(self, path: str) -> Section | None:
        """Find the section of a file."""
        return next((section for section in self.index.sections if section.path == path), None)

    def _unpacked(self, number: int) -> list[bytes]:
        pages = self.index.pages
        size = pages[number + 1].offset - pages[number].offset if number + 1 < len(pages) else -1
        with self._path.open("rb") as file:
            file.seek(pages[number].offset)
            return gzip.decompress(file.read(size)).split(b"\n")[:-1]
