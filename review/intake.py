"""Judging what lies in an uploader's area: whether a set that a .changes names is complete, is taken or refused.

Called when a file was closed, or by a scan; one area is judged by one caller at a time. What is taken or refused leaves
the area; a refused upload may be sent again as it is. SSH is not known here.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from queues import atomic
from review import taking
from review.authority import Vouched, vouch
from review.facts import Facts
from review.inspection import changes as inspection
from review.inspection.files import PLAIN
from review.refusal import Refusal
from review.verdicts import Refused, Stored, Verdict, Waiting

CHANGES = ".changes"
_NAMED = re.compile(rb"(?m)^ [0-9a-f]{64} [0-9]+ (\S+?)\r?$")


def consider(area: Path, name: str, uploader: str, facts: Facts, now: datetime) -> Verdict:
    """Judge an area after the file `name` came into it; the verdict is on the upload that the file belongs to."""
    with facts.spool.lock(f"area-{uploader}"):
        found = [name] if name.endswith(CHANGES) else _naming(area, name)
        verdicts = [_judge(area, changes, uploader, facts, now) for changes in found]
    return verdicts[0] if verdicts else Stored()


def consider_all(area: Path, uploader: str, facts: Facts, now: datetime) -> list[Verdict]:
    """Judge every .changes in an area, as a scan does, when what a dead server left half taken is gone."""
    with facts.spool.lock(f"area-{uploader}"):
        taking.sweep(area)
        return [_judge(area, name, uploader, facts, now) for name in _changes_in(area)]


def _judge(area: Path, name: str, uploader: str, facts: Facts, now: datetime) -> Verdict:
    try:
        data = _read(area / name)
    except FileNotFoundError:
        return Stored()
    try:
        if len(data) > inspection.LARGEST:
            raise Refusal("files", f"{name}: larger than {inspection.LARGEST} bytes")
        vouched = vouch(data, name, uploader, facts, now)
        taking.check_versions(vouched, facts)
        missing = _missing(area, vouched)
        if missing:
            return Waiting(name, missing)
        taken = taking.take(area, vouched, uploader, facts, now)
    except Refusal as refusal:
        _clear(area, name, data)
        return Refused(name, refusal.rule, str(refusal))
    _clear(area, name, data)
    return taken


def _missing(area: Path, vouched: Vouched) -> tuple[str, ...]:
    return tuple(ref.name for ref in vouched.changes.files if not (area / ref.name).is_file())


def _naming(area: Path, name: str) -> list[str]:
    return [changes for changes in _changes_in(area) if name in _named(_read(area / changes))]


def _changes_in(area: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(area) if entry.name.endswith(CHANGES) and _is_plain(entry.name))


def _named(data: bytes) -> set[str]:
    """Name the files that a .changes seems to name; unverified, good for finding them in the same area only."""
    found = {name.decode(errors="replace") for name in _NAMED.findall(data)}
    return {name for name in found if _is_plain(name)}


def _is_plain(name: str) -> bool:
    return bool(PLAIN.fullmatch(name))


def _clear(area: Path, name: str, data: bytes) -> None:
    for file in (*_named(data), name):
        atomic.remove(area / file)


def _read(path: Path) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read(inspection.LARGEST + 1)  # a byte more than is taken
