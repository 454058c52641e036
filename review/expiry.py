"""Files that lie in an uploader's area for too long: an upload that never became whole, files that no .changes names.

They are removed, and the answer is a refusal like any other; whoever calls this tells the uploader. Ages are by our own
clock: a file's time is when its last octet came. One area is looked at by one caller at a time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from queues import atomic
from queues.layout import Spool
from review import sets
from review.verdicts import Refused

RULE = "expired"


class Patience(Struct, frozen=True):
    """How long is waited: for the `missing` files of a .changes, and for a .changes to `loose` files."""

    missing: timedelta = timedelta(minutes=15)
    loose: timedelta = timedelta(hours=24)


def expire(area: Path, uploader: str, spool: Spool, now: datetime, patience: Patience) -> list[Refused]:
    """Remove what has waited for too long, and say what it was."""
    with spool.lock(f"area-{uploader}"):
        return [*_incomplete(area, now, patience.missing), *_loose(area, now, patience.loose)]


def _incomplete(area: Path, now: datetime, patience: timedelta) -> Iterator[Refused]:
    for name in sets.changes_in(area):
        data = sets.read(area / name)
        files = sets.named(data)
        here = _ages(area, now)
        missing = sorted(files - here.keys())
        if missing and min(here[file] for file in (files | {name}) & here.keys()) >= patience:
            sets.clear(area, name, data)
            yield Refused(
                name,
                RULE,
                f"{name}: {', '.join(missing)} did not come within {_words(patience)}; what came of this upload was "
                "removed, send all of it again",
            )


def _loose(area: Path, now: datetime, patience: timedelta) -> Iterator[Refused]:
    waited_for = {file for name in sets.changes_in(area) for file in (name, *sets.named(sets.read(area / name)))}
    old = [file for file, age in _ages(area, now).items() if age >= patience and file not in waited_for]
    for file in old:
        atomic.remove(area / file)
    if old:
        yield forgotten(old, patience)


def forgotten(old: list[str], patience: timedelta) -> Refused:
    """Say that these files were removed, for no .changes named them."""
    return Refused(old[0], RULE, f"{_few(old)}: no .changes named this within {_words(patience)}, so it was removed")


def _ages(area: Path, now: datetime) -> dict[str, timedelta]:
    """Give the age of each visible file."""
    found = {}
    for entry in sorted(os.scandir(area), key=lambda one: one.name):
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and not entry.name.startswith("."):
            found[entry.name] = timedelta(seconds=now.timestamp() - status.st_mtime)
    return found


def _few(files: Iterable[str]) -> str:
    first, *more = files
    return f"{first} and {len(more)} more" if more else first


def _words(time: timedelta) -> str:
    hours, minutes = divmod(round(time.total_seconds() / 60), 60)
    return f"{hours} hours" if hours and not minutes else f"{60 * hours + minutes} minutes"
