"""Which stanza of debian/copyright a file belongs to: the last one with a pattern for it. Pure, and bounded.

Patterns and paths are an uploader's: whatever they are, matching them takes no more than `WORK`, about two seconds. `*`
stands for anything, slashes too, `?` for one letter, and a backslash takes away the meaning of both, and its own.
Source: copyright-format 1.0, Files field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

WORK = 10_000_000  # tests of a path by a simple pattern
_LETTERS = 16  # of a path times those of a pattern that is not simple, which take as long as one test
_PART = re.compile(r"\\(?P<literal>[\\*?])|(?P<wild>[*?])|(?P<text>[^\\*?]+|\\)")


class TooMuch(Exception):
    """More patterns for more files than can be looked at."""


class Pattern(Struct, frozen=True):
    """A pattern with wildcards: what is before the first and behind the last, and all of it where there are more."""

    before: str
    behind: str
    whole: re.Pattern[str] | None
    letters: int

    def cost(self, path: str) -> int:
        """Give how many tests it takes for a path."""
        return 1 + (len(path) * self.letters // _LETTERS if self.whole else 0)

    def matches(self, path: str) -> bool:
        """Say whether a path is meant."""
        if not path.startswith(self.before) or not path.endswith(self.behind):
            return False
        if self.whole is None:
            return len(path) >= len(self.before) + len(self.behind)
        return self.whole.fullmatch(path) is not None


def covered(paths: Iterable[str], stanzas: Sequence[Sequence[str]]) -> dict[str, int]:
    """Give the number of the stanza of each path; those of none are left out. Raises TooMuch."""
    left, found, work = list(paths), dict[str, int](), WORK
    for number in reversed(range(len(stanzas))):
        exact, patterns = _read(stanzas[number])
        mine = {path for path in left if path in exact}
        for pattern in patterns:
            others = [path for path in left if path not in mine]
            work -= sum(map(pattern.cost, others))
            if work < 0:
                raise TooMuch
            mine.update(filter(pattern.matches, others))
        found.update(dict.fromkeys(mine, number))
        left = [path for path in left if path not in mine]
    return found


def _read(words: Iterable[str]) -> tuple[set[str], list[Pattern]]:
    """Take the patterns of a stanza apart: those that are paths, and those with wildcards."""
    exact, patterns = set(), []
    for word in words:
        parts = [*_parts(word)]
        wild = [number for number, (_, is_wild) in enumerate(parts) if is_wild]
        if wild:
            before = "".join(text for text, _ in parts[: wild[0]])
            behind = "".join(text for text, _ in parts[wild[-1] + 1 :])
            simple = [text for text, is_wild in parts if is_wild] == ["*"]
            patterns.append(Pattern(before, behind, None if simple else _compiled(parts), len(word)))
        else:
            exact.add("".join(text for text, _ in parts))
    return exact, patterns


def _parts(word: str) -> Iterator[tuple[str, bool]]:
    """Give the pieces of a pattern, each with whether it is a wildcard."""
    for match in _PART.finditer(word.removeprefix("./")):
        yield match["literal"] or match["wild"] or match["text"], match["wild"] is not None


def _compiled(parts: Iterable[tuple[str, bool]]) -> re.Pattern[str]:
    """Make an expression that never goes back behind a star: what was found first for the part before it will do."""
    pieces = [""]
    for text, is_wild in parts:
        if is_wild and text == "*":
            pieces.append("")
        else:
            pieces[-1] += "." if is_wild else re.escape(text)
    first, *rest = pieces
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
    return re.compile(f"{first}{middle}" + (f".*{rest[-1]}" if rest else ""), re.DOTALL)
