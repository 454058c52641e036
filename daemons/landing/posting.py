"""Posting the reports of one uploader where sshd's account can read them: the files of `NAME/status`.

Our own server makes a report when it is read; here it lies written, as it was at the last look. One more file,
`incoming.txt`, tells what has landed and is not taken yet, and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from daemons.intake.answers import Reports, safe
from daemons.landing.place import Landing
from queues import atomic

LANDED = "incoming.txt"
MODE = 0o640  # the directory gives them the account's group
PERIOD = timedelta(seconds=25)  # what happens elsewhere in the site is posted so late
WAITS = "waits for the rest of it, or for a .changes that names it"


class Board:
    """The `status` of one landing place."""

    def __init__(self, landing: Landing, reports: Reports) -> None:
        self._landing = landing
        self._reports = reports
        self._landed = ""
        self._due = datetime.min.replace(tzinfo=UTC)

    def post(self, now: datetime, troubles: Mapping[str, str], *, news: bool) -> bool:
        """Write what is new, and remove what is told no more, if there is `news` or it is time. Raises OSError.

        Says whether something still lies in the place.
        """
        files = self._landing.files()
        landed = told(files, troubles)
        if news or landed != self._landed or now >= self._due:
            self._write({LANDED: landed.encode(), **dict(self._read())})
            self._landed, self._due = landed, now + PERIOD
        return bool(files)

    def _write(self, texts: Mapping[str, bytes]) -> None:
        lying = {path.name: path for path in self._landing.status.iterdir()}
        for name, text in texts.items():
            if name not in lying or lying[name].read_bytes() != text:
                atomic.replace(self._landing.status / name, text, MODE)
        for name in lying.keys() - texts.keys():
            atomic.remove(lying[name])

    def _read(self) -> Iterator[tuple[str, bytes]]:
        for name in self._reports.names(self._landing.uploader):
            with suppress(FileNotFoundError):  # pruned meanwhile
                yield name, self._reports.read(self._landing.uploader, name)


def told(files: Mapping[str, object], troubles: Mapping[str, str]) -> str:
    """Tell of each file that has landed why it is there. Pure."""
    lines = [f"{safe(name)}: {safe(troubles.get(name, WAITS))}" for name in files]
    return "\n".join(lines or ["nothing waits here"]) + "\n"
