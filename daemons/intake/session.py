"""One SFTP session of a known uploader: paths and handles, in paramiko's terms, on top of areas and reports.

It can write new files into the uploader's own area and read reports; there is nothing else it could reach.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice

import paramiko
from msgspec import Struct
from paramiko.sftp import SFTP_OK

from daemons.intake import paths
from daemons.intake.answers import Answer, Judge, Refusal, Refused, Reports, Stored, one_line, spoken
from daemons.intake.area import Area
from daemons.intake.arriving import Unfinished
from daemons.intake.handles import Arrival, Report, attributes, directory, of_file
from daemons.intake.limits import Limits
from queues import atomic, machine

logger = logging.getLogger(__name__)

LONGEST_LISTING = 256


class Visitor(Struct, frozen=True):
    """Who is connected: the account's name, the client's address, the fingerprint of the key that logged in."""

    uploader: str
    address: str
    key: str

    def __str__(self) -> str:
        return f"{self.uploader} at {self.address} with {self.key}"


class Session(paramiko.SFTPServerInterface):
    """What the requests of one channel do. Methods raise Refusal, FileNotFoundError or OSError instead of codes."""

    def __init__(
        self,
        server: paramiko.ServerInterface,
        visitor: Visitor,
        area: Area,
        reports: Reports,
        judge: Judge,
        limits: Limits,
        admitted: Callable[[], bool],
    ) -> None:
        super().__init__(server)
        self.visitor = visitor
        self._area = area
        self._reports = reports
        self._judge = judge
        self._limits = limits
        self._admitted = admitted
        self._begun = 0
        self._sent: dict[str, tuple[int, Answer]] = {}

    def session_ended(self) -> None:
        """Give the seat back."""
        self._area.seats.release()

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle:  # noqa: ARG002 -- what the client wishes for mode and times is its own affair
        """Begin a new file, or open a report."""
        self._check_admitted()
        if flags & (os.O_WRONLY | os.O_RDWR):
            return self._begin(paths.upload_name(path), flags)
        place = paths.resolve(path)
        if place.kind != "report":
            raise Refusal(f"{paths.canonical(path)}: only files in {paths.STATUS} can be read")
        return Report(self._reports.read(self.visitor.uploader, place.name))

    def may_judge(self, name: str) -> bool:
        """Guess whether it may take long to publish a file: another is being judged, or a verdict may be due."""
        return self._area.turn.locked() or self._area.may_be_complete(name)

    def publish(self, file: Unfinished) -> Answer:
        """Make a file visible and have it judged; both at once for this uploader."""
        self._check_admitted()
        size, digest = file.size, file.sha256
        with self._area.turn:
            self._area.publish(file)
            logger.info("%s: %s stored, %d bytes, sha256 %s", self.visitor, file.name, size, digest)
            answer = self._asked(file.name, digest)
        self._sent[file.name] = size, answer
        if not isinstance(answer, Stored):
            logger.info("%s: %s: %s", self.visitor, file.name, one_line(spoken(answer)))
        return answer

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes]:
        """List one of the three directories, at most LONGEST_LISTING names."""
        self._check_admitted()
        place = paths.resolve(path)
        if place.kind == "root":
            return [directory("incoming"), directory("status")]
        if place.kind not in ("incoming", "status"):
            raise FileNotFoundError(path)
        found = self._files() if place.kind == "incoming" else self._texts()
        return list(islice(found, LONGEST_LISTING))

    def stat(self, path: str) -> paramiko.SFTPAttributes:
        """Give what a client needs to see: that a directory is one, and a file's size."""
        place = paths.resolve(path)
        if not place.name:
            return directory(place.kind)
        return self._sent_before(place) or self._lying_here(place)

    lstat = stat

    def check_sent(self, path: str) -> None:
        """Raise Refusal when what was sent to this path was refused: curl, too, overlooks a failed CLOSE."""
        _, answer = self._sent.get(paths.resolve(path).name, (0, None))
        if isinstance(answer, Refused):
            raise Refusal(answer.reason)

    def remove(self, path: str) -> int:
        """Remove one of the uploader's files that was not taken yet."""
        self._check_admitted()
        place = paths.resolve(path)
        if place.kind != "upload":
            raise Refusal(f"{paths.canonical(path)}: only your own files in {paths.INCOMING} can be removed")
        self._area.remove(place.name)
        logger.info("%s: %s removed", self.visitor, place.name)
        return SFTP_OK

    def canonicalize(self, path: str) -> str:
        """Make a path absolute; relative ones begin at `/`."""
        return paths.canonical(path)

    def _check_admitted(self) -> None:
        """Refuse whose key was removed since the login."""
        if not self._admitted():
            raise Refusal("your key was removed from this server; nothing more is taken on this connection")

    def _sent_before(self, place: paths.Place) -> paramiko.SFTPAttributes | None:
        """Answer a client that checks what it just sent, once: paramiko's, dput-ng's too, overlooks a failed CLOSE."""
        size, answer = self._sent.pop(place.name, (0, None))
        if isinstance(answer, Refused):
            raise Refusal(answer.reason)
        return attributes(stat.S_IFREG | 0o444, size, place.name) if answer else None

    def _lying_here(self, place: paths.Place) -> paramiko.SFTPAttributes:
        if place.kind == "report":
            text = self._reports.read(self.visitor.uploader, place.name)
            return attributes(stat.S_IFREG | 0o444, len(text), place.name)
        files = self._area.files()
        if place.name not in files:
            raise FileNotFoundError(place.name)
        return of_file(files[place.name], place.name)

    def _begin(self, name: str, flags: int) -> Arrival:
        if flags & os.O_APPEND or not flags & os.O_CREAT:
            raise Refusal(f"{name}: an upload cannot be resumed; send the whole file again")
        if self._begun >= self._limits.session_files:
            raise Refusal(f"{name}: {self._begun} files came on this connection already; connect again")
        self._begun += 1
        return Arrival(self, self._area.begin(name))

    def _asked(self, name: str, sha256: str | None) -> Answer:
        try:
            return self._judge(self.visitor.uploader, self._area.path, name, sha256)
        except Exception as error:
            if isinstance(error, OSError) and machine.is_to_blame(error):
                return self._not_now(name, error)
            logger.exception("%s: %s could not be judged", self.visitor, name)
            return Refused(f"{name}: an internal error, which the operator can see in the log; the file is kept")

    def _not_now(self, name: str, error: OSError) -> Refused:
        """Answer when the machine is not well; without its last file nobody takes the upload behind this answer."""
        logger.error("%s: %s could not be judged: %s", self.visitor, name, machine.complaint(error))
        with suppress(OSError):
            atomic.remove(self._area.path / name)
        return Refused(f"{name}: the server cannot take it now: {error.strerror}; send this file again later")

    def _files(self) -> Iterator[paramiko.SFTPAttributes]:
        return (of_file(status, name) for name, status in self._area.files().items())

    def _texts(self) -> Iterator[paramiko.SFTPAttributes]:
        """List the reports; how long each will be is known only when it is read."""
        for name, when in self._reports.names(self.visitor.uploader).items():
            yield attributes(stat.S_IFREG | 0o444, None, name, when)
