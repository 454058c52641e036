"""What the intake last answered about files that are in no queue: refused, waiting for others, or commands.

One small text per name and account, below the site's `run/status`. An upload that was taken has none: its entry's
history is the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from re import sub

from queues import atomic

LASTS = timedelta(days=30)
SUFFIX = ".txt"


class Answered:
    """The answers to every account."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, account: str, name: str, said: str, now: datetime) -> None:
        """Keep the last answer about a file."""
        path = self._path(account, report_of(name))
        atomic.make(path.parent)
        atomic.replace(path, f"{now:%Y-%m-%d %H:%M:%S} UTC\n{said}".encode())

    def forget(self, account: str, name: str) -> None:
        """Forget the answer: a queue's entry has the word now."""
        atomic.remove(self._path(account, report_of(name)))

    def times(self, account: str) -> dict[str, float]:
        """Name the reports about which something was answered, each with the time (seconds since 1970)."""
        return dict(_times(self._directory / account))

    def said(self, account: str, report: str) -> str:
        """Give the last answer with its time; empty when there is none."""
        try:
            return self._path(account, report).read_text()
        except FileNotFoundError:
            return ""

    def sweep(self) -> None:
        """Remove what was half written by one who died; only while nobody writes."""
        for half in self._directory.glob("*/.*.new"):
            atomic.remove(half)

    def prune(self, now: datetime) -> None:
        """Forget what was answered long ago."""
        for account in self._directory.iterdir() if self._directory.is_dir() else ():
            for report, when in _times(account):
                if when < (now - LASTS).timestamp():
                    atomic.remove(self._path(account.name, report))

    def _path(self, account: str, report: str) -> Path:
        return self._directory / account / report


def report_of(name: str) -> str:
    """Name the report about a file: `hello_2.10-3_source.changes` is told of in `hello_2.10-3.txt`."""
    return sub(r"(_[a-z0-9-]+)?\.changes$", "", name) + SUFFIX


def _times(directory: Path) -> Iterator[tuple[str, float]]:
    for path in directory.glob(f"[!.]*{SUFFIX}"):
        with suppress(FileNotFoundError):  # forgotten meanwhile
            yield path.name, path.stat().st_mtime
