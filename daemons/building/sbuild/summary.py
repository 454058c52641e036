"""What sbuild says of a build: in which phase it is, by the headings of its log; and what came of it, by its summary.

Source: Sbuild/Build.pm of sbuild 0.85, the sections of its log and `Fail-Stage`; sbuild(1), EXIT STATUS.
"""

from __future__ import annotations

import re

from daemons.building.builds.record import Record

# The headings at which a phase of ours begins. They only lead on, so nothing that is printed later leads back.
_HEADINGS = (
    (b"| Install package build dependencies", "dependencies"),
    (b"Unpack source", "unpack"),
    (b"dpkg-buildpackage", "build"),
)
_STAGE = re.compile(r"^Fail-Stage: ([a-z-]+)$", re.MULTILINE)
_OF_THE_PACKAGE = frozenset(
    (
        *("unpack", "check-unpacked-version", "arch-check", "check-architecture", "build", "dpkg-buildpackage"),
        *("parse-changes", "post-build"),
    )
)
_UNSATISFIED = "install-deps"
_DUMMY = re.compile(r"^ sbuild-build-depends-\S+\n", re.MULTILINE)  # its own package, which depends on all


class Phases:
    """A log that begins a phase of the record where sbuild begins one; `close` writes a last line that had no end."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._rest = b""
        self._to_come = list(_HEADINGS)

    def write(self, data: bytes) -> None:
        """Take output as it comes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not self._to_come:
            self.record.file.write(b"".join(line + b"\n" for line in lines))
        else:
            for line in lines:
                self._line(line)

    def flush(self) -> None:
        """Let readers see whole lines."""
        self.record.file.flush()

    def close(self) -> None:
        """Write the last line, if it had no end."""
        if self._rest:
            self._line(self._rest)
        self._rest = b""

    def _line(self, line: bytes) -> None:
        if self._to_come and line.startswith(self._to_come[0][0]):
            self.record.begin(self._to_come.pop(0)[1])
        self.record.file.write(line + b"\n")


def stage(said: str) -> str:
    """Give the stage at which sbuild failed, by the end of its log; empty when it does not say."""
    return next(reversed(_STAGE.findall(said)), "")


def without_dummy(said: str) -> str:
    """Leave out of apt's list of packages the one that sbuild made only to have the others installed."""
    return _DUMMY.sub("", said)


def is_the_packages(stage: str) -> bool:
    """Say whether a failure in this stage is the package's own."""
    return stage in _OF_THE_PACKAGE


def is_unsatisfied(stage: str) -> bool:
    """Say whether this stage is the one of the build dependencies."""
    return stage == _UNSATISFIED
