"""Judging what lies in an uploader's area: whether a set that a .changes names is complete, is taken or refused.

Called when a file was closed, or by a scan; one area is judged by one caller at a time. What is taken or refused leaves
the area; a refused upload may be sent again as it is. SSH is not known here.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from archive import pool
from review import sets, taking
from review.authority import Vouched, vouch
from review.facts import Facts
from review.inspection import changes as inspection
from review.refusal import Refusal
from review.taking import Digest
from review.verdicts import Refused, Stored, Verdict, Waiting


def consider(
    area: Path, name: str, uploader: str, facts: Facts, now: datetime, digest: Digest = pool.digest
) -> Verdict:
    """Judge an area after the file `name` came into it; the verdict is on the upload that the file belongs to.

    `digest` gives the SHA256 of a file, by reading it or by what is known of it.
    """
    with facts.spool.lock(f"area-{uploader}"):
        found = [name] if name.endswith(sets.CHANGES) else sets.naming(area, name)
        verdicts = [_judge(area, changes, uploader, facts, now, digest) for changes in found]
    return verdicts[0] if verdicts else Stored()


def consider_all(area: Path, uploader: str, facts: Facts, now: datetime, digest: Digest = pool.digest) -> list[Verdict]:
    """Judge every .changes in an area, as a scan does, when what a dead server left half taken is gone."""
    with facts.spool.lock(f"area-{uploader}"):
        taking.sweep(area)
        return [_judge(area, name, uploader, facts, now, digest) for name in sets.changes_in(area)]


def _judge(area: Path, name: str, uploader: str, facts: Facts, now: datetime, digest: Digest) -> Verdict:
    try:
        data = sets.read(area / name)
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
        taken = taking.take(area, vouched, uploader, facts, now, digest)
    except Refusal as refusal:
        sets.clear(area, name, data)
        return Refused(name, refusal.rule, str(refusal))
    sets.clear(area, name, data)
    return taken


def _missing(area: Path, vouched: Vouched) -> tuple[str, ...]:
    return tuple(ref.name for ref in vouched.changes.files if not (area / ref.name).is_file())
