"""Reasons for rejecting that need not be written again: debmill's own, and those of the site.

A site's own are files NAME.txt below its `templates/reasons`; one of a name that debmill has takes its place, and an
empty one takes it away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from queues.problem import Problem

SUFFIX = ".txt"
LARGEST = 64 << 10  # bytes
OURS = {
    "changelog": "The changelog does not say what was changed, and why.",
    "copyright": "debian/copyright does not name every licence and holder in the source.",
    "suite": "This is for another suite; please upload it there.",
    "source": "The source holds files whose source is missing.",
    "patches": "There are changes outside of debian/ that are no patches.",
    "taken": "This name or version is taken; please choose another one.",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class NoReason(Problem):
    """A name that no reason has, or a file that holds none."""


class Reasons:
    """The reasons of a site, read afresh at every question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> Mapping[str, str]:
        """Give the reasons by name, debmill's own first; a file that cannot be read is left out."""
        return {name: text for name, text in {**OURS, **dict(self._own())}.items() if text}

    def text(self, name: str) -> str:
        """Give one reason. Raises NoReason."""
        path = self.folder / f"{name}{SUFFIX}"
        if _NAME.fullmatch(name) and path.exists():
            return _read(path)
        found = self.all().get(name)
        if found is None:
            raise NoReason(
                f"there is no reason called '{name}': {', '.join(self.all())}; yours are {path.parent}/*.txt"
            )
        return found

    def _own(self) -> Iterator[tuple[str, str]]:
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            try:
                yield path.stem, _read(path)
            except NoReason:
                continue


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise NoReason(f"{path}: larger than {LARGEST} bytes")
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoReason(f"{path}: {error}") from None
