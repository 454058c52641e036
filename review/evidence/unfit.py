"""Why a source cannot be unpacked, from the words of tar and dpkg-source under LC_ALL=C. Pure."""

from __future__ import annotations

import re

from review.evidence.values import Trouble, Unfit

_SAID: tuple[tuple[Unfit, str], ...] = (
    (
        "climbs-out",
        r"Member name contains '\.\.'|[Rr]emoving leading|outside (?:of the (?:current|target)|source root)"
        r"|through a symlink|Cannot (?:open|mkdir|\w*link to .*): Not a directory",  # a link is made last
    ),
    ("too-deep", r"File name too long"),
    ("device", r"Cannot mknod|Cannot mkfifo"),
    ("climbs-out", r"diff .* (?:patches|modifies) .*(?:\.\./|/\.\.)|contains? (?:a )?(?:path|name).*\.\."),
    ("too-many-files", r"Cannot (?:open|mkdir|create \w+ to .*): No space left on device"),
    ("too-large", r"No space left on device|Disk quota exceeded"),
    ("patch", r"\bpatch\b|\bdiff\b|LOCAL|hunk"),
)
_NOISE = re.compile(r"dpkg-source: (?:info|warning): |gpgv?: ")
_WARNING = "dpkg-source: warning: "
_SHOWN, _MOST = 300, 20


def explain(said: str) -> Trouble:
    """Name the rule that a source breaks, with the line that says so."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not _NOISE.match(line)]
    for rule, pattern in _SAID:
        line = next((line for line in lines if re.search(pattern, line)), None)
        if line is not None:
            return Trouble(rule, line[:_SHOWN])
    return Trouble("unpack", (lines or ["dpkg-source failed without a word"])[0][:_SHOWN])


def warnings(said: str) -> tuple[str, ...]:
    """Give what dpkg-source warned of while it unpacked."""
    found = [line.removeprefix(_WARNING) for line in said.splitlines() if line.startswith(_WARNING)]
    return tuple(one[:_SHOWN] for one in dict.fromkeys(found[:_MOST]))
