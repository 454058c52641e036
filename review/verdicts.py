"""What becomes of a file that an uploader closed: the four verdicts."""

from __future__ import annotations

from msgspec import Struct

from queues.names import Key


class Stored(Struct, frozen=True):
    """The file is here and belongs to no .changes yet."""


class Waiting(Struct, frozen=True):
    """The .changes is right so far; these files that it names have not come yet."""

    changes: str
    missing: tuple[str, ...]

    @property
    def note(self) -> str:
        """Say it to the uploader."""
        return f"for {', '.join(self.missing)} of {self.changes}"


class Taken(Struct, frozen=True):
    """The upload is in review."""

    changes: str
    key: Key
    source: str
    version: str
    suite: str

    @property
    def note(self) -> str:
        """Say it to the uploader."""
        return f"{self.source} {self.version} for {self.suite}; a reviewer decides on it ({self.key})"


class Refused(Struct, frozen=True):
    """The upload was refused and its files removed; it may be sent again. `rule` is one word for records."""

    changes: str
    rule: str
    reason: str

    @property
    def note(self) -> str:
        """Say it to the uploader."""
        return self.reason if self.reason.startswith(self.changes) else f"{self.changes}: {self.reason}"


class Obeyed(Struct, frozen=True):
    """A command file was run, and each of its commands done; `note` tells of each. `changes` is the file's name."""

    changes: str
    note: str


Verdict = Stored | Waiting | Taken | Refused | Obeyed
