"""Lintian's words: one tag a line, as lintian(1) prints them for a source. Pure."""

from __future__ import annotations

import re

from review.evidence.values import Tag

_TAG = re.compile(r"(?P<level>[EWIPXCO]): (?P<package>[^ :]+)(?: source)?: (?P<name>[a-z0-9-]+)(?: (?P<words>.*))?")
_ORDER = "EWIXPCO"
MOST = 1000  # tags that are kept, of the first ones
_PLACE = re.compile(r"\[[^\]]*:\d+\]|\d+")  # lines move from version to version


def read(said: str, before: str = "") -> tuple[Tag, ...]:
    """Read the tags of a source; those that the published version had already come last."""
    known = {(tag["name"], _PLACE.sub("", tag["words"] or "")) for tag in _tags(before)}
    found = [
        Tag(
            tag["level"],
            tag["name"],
            tag["words"] or "",
            (tag["name"], _PLACE.sub("", tag["words"] or "")) not in known,
        )
        for tag in _tags(said)
    ]
    return tuple(sorted(found, key=lambda tag: (not tag.new, _ORDER.index(tag.level)))[:MOST])


def _tags(said: str) -> list[re.Match[str]]:
    return [match for match in map(_TAG.fullmatch, said.splitlines()) if match]
