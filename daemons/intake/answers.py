"""What may be said of a file that was closed, and how it is put into words for an uploader's terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

LONGEST = 4000  # characters of a reason that are passed on


class Refusal(Exception):
    """The client asked for something that is not allowed; the message is the whole sentence for the uploader."""


class Heard(Refusal):
    """A refusal that the client heard already; the status says it again, the terminal does not."""


class Stored(Struct, frozen=True):
    """The file is here; nothing is to be said."""


class Waiting(Struct, frozen=True):
    """The file is here, others are missing; `note` goes on from the words `debmill: waiting`."""

    note: str


class Taken(Struct, frozen=True):
    """The file completed an upload, which was taken; `note` goes on from the words `debmill: taken`."""

    note: str


class Refused(Struct, frozen=True):
    """The file, or the upload it completed, was refused; closing it fails with this reason (one or more lines)."""

    reason: str


class Done(Struct, frozen=True):
    """The file asked for something, which was done; `note` goes on from the words `debmill: done`."""

    note: str


Answer = Stored | Waiting | Taken | Refused | Done


class Reports(Protocol):
    """What an uploader may read below /status: small texts, made when they are read."""

    def names(self, uploader: str) -> Mapping[str, int]:
        """Name the reports there are, each with the time of what it is about (seconds since 1970); newest first."""

    def read(self, uploader: str, name: str) -> bytes:
        """Give a report's text. Raises FileNotFoundError."""


class Judge(Protocol):
    """Says what becomes of a file that was just published in an uploader's area.

    Called once per closed file, in a thread of its session, never twice at a time for one uploader. What stays in the
    area and what leaves it is the judge's business, also after `Refused`. An exception is a bug: it is logged, the
    client hears of an internal error, the file stays.
    """

    def __call__(self, uploader: str, area: Path, name: str, sha256: str | None) -> Answer:
        """Judge the file `name` in the directory `area`; `sha256` was computed while it came, None: out of order."""


def spoken(answer: Answer) -> str:
    """Put an answer into words for the terminal: lines that begin with `debmill: `, or nothing."""
    match answer:
        case Stored():
            return ""
        case Waiting(note):
            return announce("waiting", note)
        case Taken(note):
            return announce("taken", note)
        case Refused(reason):
            return announce("REFUSED", reason)
        case Done(note):
            return announce("done", note)


def announce(word: str, text: str) -> str:
    """Make the lines `debmill: WORD TEXT`, each ended by a newline, safe for a terminal."""
    first, *more = safe_lines(text) or [""]
    return "".join(
        f"{line.rstrip()}\n" for line in (f"debmill: {word} {first}", *(f"debmill:   {line}" for line in more))
    )


def one_line(text: str) -> str:
    """Put a text into one line that is safe for a terminal and a log."""
    return "; ".join(safe_lines(text))


def safe_lines(text: str) -> list[str]:
    """Split a text into its lines, without empty ones and with `?` for each character that does not print."""
    lines = (line.strip() for line in text[:LONGEST].splitlines())
    return [safe(line) for line in lines if line]


def safe(line: str) -> str:
    """Put `?` for each character that does not print."""
    return "".join(char if char.isprintable() else "?" for char in line)
