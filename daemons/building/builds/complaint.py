"""What a build log says went wrong: the first line that does, for people; whether a tool was killed. Pure."""

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
_KILLED = re.compile(
    rb"^\S*make(?:\[\d+\])?: \*\*\* .*\] (?:Killed|Error 137)$"  # 137: a shell whose command was killed
    rb"|^dpkg[\w-]*: error: .* subprocess (?:was killed by signal (?:9|\(Killed\))|returned exit status 137)"
    rb"|^dh\w*: error: .* (?:died with signal 9|returned exit code 137)$"
    rb"|: fatal error: (?:Killed signal terminated program|ld terminated with signal 9)"  # gcc
    rb"|\(signal: 9, SIGKILL"  # cargo
    rb"|: signal: killed$"  # go
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def first(lines: Iterable[bytes]) -> str:
    """Give the first line that looks like an error, else the last line that is not empty; fit for a terminal."""
    last = ""
    for line in lines:
        text = _shown(line)
        if _ERROR.search(text):
            return text
        last = text or last
    return last


def killed(lines: Iterable[bytes]) -> str:
    """Give the first line by which a tool says that it failed because SIGKILL ended another; empty when none does."""
    found = (line for line in lines if _KILLED.search(line.rstrip()))
    return _shown(next(found, b""))


def _shown(line: bytes) -> str:
    return _CONTROL.sub(" ", line[: 4 * _LONGEST].decode(errors="replace")).strip()[:_LONGEST]
