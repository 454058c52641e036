"""The text of a Release file, and its list of hashes read back. Pure; the same facts give the same bytes.

Source: the repository format page of Debian's wiki. Dates are written by hand, for apt reads no localised weekday and
no zone but UTC.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from queues.values import Suite

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ENTRY = re.compile(r"^ ([0-9a-f]{64}) +([0-9]+) (\S+)$", re.MULTILINE)


class Digest(NamedTuple):
    """Size in bytes and SHA256 of an index file."""

    size: int
    sha256: str


def digest(content: bytes | memoryview) -> Digest:
    """Measure content."""
    return Digest(len(content), hashlib.sha256(content).hexdigest())


def text(
    suite: Suite,
    dist: str,
    date: datetime,
    entries: Mapping[str, Digest],
    valid_until: datetime | None = None,
    url: str = "",
) -> bytes:
    """Render the Release of one directory of `dists`; `entries` are its index files by relative path.

    `url` is where the archive is served, if that is known: apt of Debian 13 finds its snapshots there.
    Packages for all architectures stand in each architecture's index, hence `all` and No-Support-for-Architecture-all.
    """
    debug = dist.removeprefix(suite.name)
    fields = {
        "Origin": suite.origin,
        "Label": suite.label,
        "Suite": dist,
        "Codename": (suite.codename or suite.name) + debug,
        "Date": moment(date),
        **({"NotAutomatic": "yes"} if suite.not_automatic else {}),
        **({"ButAutomaticUpgrades": "yes"} if suite.not_automatic and suite.but_automatic_upgrades else {}),
        **({"Valid-Until": moment(valid_until)} if valid_until else {}),
        **({"Snapshots": f"{url}/snapshots/@SNAPSHOTID@/"} if url else {}),
        "Acquire-By-Hash": "yes",
        "No-Support-for-Architecture-all": "Packages",
        "Architectures": " ".join(("all", *suite.architectures)),
        "Components": " ".join(suite.components),
    }
    lines = [f"{name}: {value}" for name, value in fields.items()]
    sums = [f" {found.sha256} {found.size:>9} {path}" for path, found in sorted(entries.items())]
    return "\n".join([*lines, "SHA256:", *sums, ""]).encode()


def identity(release: bytes) -> dict[str, str]:
    """Read the fields that may never change, for clients refuse a suite whose name or origin did."""
    fields = (line.partition(": ") for line in release.decode().split("\nSHA256:")[0].split("\n"))
    return {name: value for name, _, value in fields if name in ("Origin", "Label", "Suite", "Codename")}


def hashes(release: bytes) -> dict[str, Digest]:
    """Read back the list of index files that a Release of ours has."""
    return {path: Digest(int(size), sha256) for sha256, size, path in _ENTRY.findall(release.decode())}


def moment(when: datetime) -> str:
    """Write a time as Release files have it, always in UTC."""
    utc = when.astimezone(UTC)
    day, month = _DAYS[utc.weekday()], _MONTHS[utc.month - 1]
    return f"{day}, {utc.day:02} {month} {utc.year} {utc:%H:%M:%S} UTC"
