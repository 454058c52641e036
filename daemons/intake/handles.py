"""What a client holds open, a report or a file that is being sent, and how files are described to it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import paramiko

from daemons.intake import paths
from daemons.intake.answers import Answer, Refusal
from daemons.intake.arriving import Unfinished

if TYPE_CHECKING:
    from daemons.intake.session import Session

LONGEST_READ = 64 * 1024


class Report(paramiko.SFTPHandle):
    """An open report, as it was when it was opened; read only."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self._text = text

    def stat(self) -> paramiko.SFTPAttributes:
        """Give the size."""
        return attributes(stat.S_IFREG | 0o444, len(self._text))

    def read(self, offset: int, length: int) -> bytes:
        """Read at most LONGEST_READ bytes; nothing beyond the end."""
        return self._text[offset : offset + min(length, LONGEST_READ)]


class Arrival(paramiko.SFTPHandle):
    """A file that is being sent. `finish` publishes it; `close` without `finish` forgets it."""

    def __init__(self, session: Session, file: Unfinished) -> None:
        super().__init__()
        self._session = session
        self.file = file

    def stat(self) -> paramiko.SFTPAttributes:
        """Give the size so far."""
        return attributes(stat.S_IFREG | 0o644, self.file.size)

    def read(self, offset: int, length: int) -> bytes:  # noqa: ARG002 -- paramiko's signature
        """Raise Refusal: what is sent cannot be read back."""
        raise Refusal(f"{self.file.name}: files in {paths.INCOMING} cannot be read back")

    def takes_long(self) -> bool:
        """Say whether `finish` may take long."""
        return self._session.may_judge(self.file.name)

    def finish(self) -> Answer:
        """Publish the file and have it judged."""
        return self._session.publish(self.file)

    def close(self) -> None:
        """Forget the file, unless it was published."""
        self.file.discard()


def directory(name: str) -> paramiko.SFTPAttributes:
    """Describe a directory."""
    return attributes(stat.S_IFDIR | 0o755, 0, name)


def of_file(status: os.stat_result, name: str = "") -> paramiko.SFTPAttributes:
    """Describe a file of an area."""
    return attributes(stat.S_IFREG | 0o444, status.st_size, name, int(status.st_mtime))


def attributes(mode: int, size: int | None, name: str = "", when: int = 0) -> paramiko.SFTPAttributes:
    """Describe what SFTP calls a file: `mode` says of which kind, a size of None is left out, `when` is its time."""
    attributes = paramiko.SFTPAttributes()
    attributes.filename = name
    attributes.st_mode, attributes.st_size = mode, size
    attributes.st_atime = attributes.st_mtime = when
    attributes.st_uid = attributes.st_gid = 0
    return attributes
