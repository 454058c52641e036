"""Text to scroll in: a number of lines, any of which can be had at once. What a terminal would obey is made visible."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from review.evidence import papers


class Line(NamedTuple):
    """A line and how it looks, in the words of rich; `goes` is the line of the diff that Enter leads to.

    `parts` make up the same text, where not all of it looks alike: each a text, and what that adds to the line's look.
    """

    text: str
    style: str = ""
    goes: int = -1
    parts: tuple[tuple[str, str], ...] = ()


class Lines(Protocol):
    """What can be scrolled in; rows are numbered from 0."""

    def __len__(self) -> int: ...

    def row(self, number: int) -> Line:
        """Give a row."""

    def find(self, words: str, row: int, step: int) -> int | None:
        """Give the next row after one, in steps of 1 or -1, in which these words stand."""


class Written:
    """Lines that are all there, folded at a width."""

    def __init__(self, lines: Iterable[Line], width: int) -> None:
        self._lines = [part for line in lines for part in _folded(line, width)]

    def __len__(self) -> int:
        return len(self._lines)

    def row(self, number: int) -> Line:
        """Give a row."""
        return self._lines[number]

    def find(self, words: str, row: int, step: int) -> int | None:
        """Give the next row in which these words stand."""
        rows = range(row + step, len(self) if step > 0 else -1, step)
        return next((number for number in rows if is_in(words, self._lines[number].text)), None)


def is_in(words: str, text: str) -> bool:
    """Say whether words stand in a text; small letters stand for large ones, too."""
    return words in (text.lower() if words == words.lower() else text)


def shown(text: str) -> str:
    """Make one line fit for a terminal."""
    return papers.text_of([text.encode(errors="replace")])[0]


def titled(title: str, lines: Sequence[Line]) -> list[Line]:
    """Put a title above lines, and a line of nothing below; nothing where there are none."""
    return [Line(title, "bold"), *lines, Line("")] if lines else []


def plain(text: str) -> list[Line]:
    """Make lines of a text."""
    return [Line(shown(one)) for one in text.splitlines()]


def _folded(line: Line, width: int) -> list[Line]:
    text = shown(line.text)
    if len(text) <= width:
        return [line._replace(text=text)]
    indent = " " * min(width // 2, len(text) - len(text.lstrip()) + 2)
    parts = textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True)
    return [line._replace(text=part) for part in parts]
