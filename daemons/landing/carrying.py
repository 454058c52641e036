"""Carrying landed files into the area of their uploader, where the same judge decides on them as for our own server.

A file grows under its final name, so that it is there says nothing. It is carried when a .changes names it and size and
SHA256 fit; a signed file, when its signature has ended; either, when nothing was written to it for a while, so that a
wrong one is refused. What no .changes names stays where it is until it is old. Files are copied, and hashed on the way.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import BinaryIO, NamedTuple

from daemons.intake import paths
from daemons.intake.answers import Judge, Refusal
from daemons.intake.area import Area
from daemons.intake.arriving import Unfinished
from daemons.landing.place import Landing, Unreadable
from queues.values import FileRef
from review import commands, sets

SETTLED = timedelta(seconds=5)  # nothing was written for so long to a file of the right size: it is what it is
QUIET = timedelta(minutes=1)  # nothing was written for so long to any other: nothing more comes
PIECE = 1 << 20
_SIGNED = (commands.SUFFIX, sets.CHANGES)
_SIGNATURE = b"-----END PGP SIGNATURE-----"
Alive = Callable[[], object]


class Landed(NamedTuple):
    """A file as it was seen: its size, for how long it was not written to, and how a .changes describes it."""

    name: str
    size: int
    age: timedelta
    wanted: FileRef | None

    @property
    def fits(self) -> bool:
        """Say whether it has the size that it should."""
        return self.wanted is not None and self.wanted.size == self.size

    @property
    def quiet(self) -> bool:
        """Say whether nothing more comes."""
        return self.age >= (SETTLED if self.fits else QUIET)

    @property
    def key(self) -> tuple[str, FileRef | None, bool]:
        """Give what must change before a file that was copied in vain is copied again."""
        return self.name, self.wanted, self.quiet

    @property
    def is_due(self) -> bool:
        """Say whether it is worth a look inside."""
        return self.fits or self.name.endswith(_SIGNED) or (self.wanted is not None and self.quiet)


class Carrier:
    """Carries the files of one uploader; `troubles` says of files that stay why, by name."""

    def __init__(self, landing: Landing, area: Area, judge: Judge) -> None:
        self.landing = landing
        self.troubles: dict[str, str] = {}
        self._area = area
        self._judge = judge
        self._copied: dict[tuple[str, FileRef | None, bool], datetime] = {}  # in vain, and when

    def carry(self, now: datetime, alive: Alive = lambda: None) -> int:
        """Carry all that is whole, signed files last: what they name is there then. Gives how many were carried."""
        files = self.landing.files()
        self._copied = {key: then for key, then in self._copied.items() if now - then < QUIET}
        good = sorted(filter(paths.is_upload, files), key=lambda name: (name.endswith(_SIGNED), name))
        self.troubles = {name: why for name, why in self.troubles.items() if name in good}
        self.troubles |= dict.fromkeys(files.keys() - set(good), "this is not the name of a file of a Debian upload")
        wanted = self._wanted(good)
        seen = [Landed(name, files[name].st_size, _age(files[name], now), wanted.get(name)) for name in good]
        due = [landed for landed in seen if landed.is_due and landed.key not in self._copied]
        return sum(self._try(landed, now, alive) for landed in due)

    def drop_old(self, now: datetime, patience: timedelta) -> list[str]:
        """Remove what was not written to for so long; names the files that might have been an upload's."""
        old = {name: seen for name, seen in self.landing.files().items() if _age(seen, now) >= patience}
        for name, seen in old.items():
            self.landing.remove(name, seen)
        return [*filter(paths.is_upload, old)]

    def _wanted(self, landed: list[str]) -> dict[str, FileRef]:
        """Give what the .changes here and in the area seem to name: enough to tell by that a file is whole."""
        texts = [self._text(name) for name in landed if name.endswith(sets.CHANGES)]
        with self._area.turn:
            waiting = sets.changes_in(self._area.path) if self._area.path.is_dir() else []
            texts += [sets.read(self._area.path / name) for name in waiting]
        return {ref.name: ref for text in texts for ref in sets.listed(text)}

    def _text(self, name: str) -> bytes:
        try:
            with self.landing.open(name) as file:
                return sets.read_from(file)
        except (Unreadable, FileNotFoundError):
            return b""

    def _try(self, landed: Landed, now: datetime, alive: Alive) -> bool:
        """Carry a file if it is whole; say whether it was."""
        try:
            with self.landing.open(landed.name) as source:
                if not (landed.quiet or landed.wanted or _is_signed(source)):
                    return False
                self._copied[landed.key] = now
                return self._carry(landed, source, alive)
        except FileNotFoundError:
            return False
        except (Unreadable, Refusal) as error:
            self.troubles[landed.name] = str(error).removeprefix(f"{landed.name}: ")
            return False

    def _carry(self, landed: Landed, source: BinaryIO, alive: Alive) -> bool:
        file = self._area.begin(landed.name)
        try:
            _copy(source, file, alive)
            if not landed.quiet and landed.wanted not in (None, FileRef(file.name, file.size, file.sha256 or "")):
                return False
            del self._copied[landed.key]
            self.troubles.pop(landed.name, None)
            self._hand_over(file, os.fstat(source.fileno()))
            return True
        finally:
            file.discard()

    def _hand_over(self, file: Unfinished, seen: os.stat_result) -> None:
        """Publish a copy, and have it judged; both at once for this uploader."""
        sha256 = file.sha256
        with self._area.turn:
            self._area.publish(file)
            self.landing.remove(file.name, seen)
            self._judge(self.landing.uploader, self._area.path, file.name, sha256)


def _copy(source: BinaryIO, file: Unfinished, alive: Alive) -> None:
    offset = 0
    while piece := source.read(PIECE):
        file.write(offset, piece)
        offset += len(piece)
        alive()


def _is_signed(source: BinaryIO) -> bool:
    """Say whether a file ends as a signed text does."""
    size = os.fstat(source.fileno()).st_size
    return os.pread(source.fileno(), 200, max(0, size - 200)).rstrip().endswith(_SIGNATURE)


def _age(seen: os.stat_result, now: datetime) -> timedelta:
    """Say for how long a file was not changed; clients set the time of its content, but not this one."""
    return timedelta(seconds=now.timestamp() - seen.st_ctime)
