"""The first line of a build log that says what went wrong, for people who see one line only. Pure but for reading."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST = 300
_ERROR = re.compile(
    r"(?:^|\s)(?:fatal |internal |syntax )?error:"  # compilers, dpkg and debhelper tools, configure
    r"|\*\*\* "  # make
    r"|^E: |^ERROR\b|^Error\b|^FAILED?\b|^FAIL:"
    r"|^\w*(?:Error|Exception): "  # Python, Perl classes
    r"|: (?:not found|command not found|No such file or directory|cannot stat )"
    r"|: (?:No space left on device|Permission denied)"
    r"|undefined reference to",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def first(lines: Iterable[bytes]) -> str:
    """Give the first line that looks like an error, else the last line that is not empty; fit for a terminal."""
    last = ""
    for line in lines:
        text = _CONTROL.sub(" ", line[: 4 * _LONGEST].decode(errors="replace")).strip()[:_LONGEST]
        if _ERROR.search(text):
            return text
        last = text or last
    return last
