"""Who may review: small files below the site's `keys`, read afresh at every question.

    reviewers/NAME.json   and, for whom has an OpenPGP key, NAME.asc

A reviewer is added and changed by one rename for each file, and may be edited by hand.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from archive import openpgp
from archive.openpgp import BadSignature, Certificate
from queues import atomic
from review.person import Reviewer, UnknownPerson, checked, checked_mail

FOREIGN = (IsADirectoryError, NotADirectoryError, PermissionError)  # errors of one person's files, not of the machine
log = logging.getLogger(__name__)


class _Duties(Struct, frozen=True):
    """The part of a reviewer that stands in `NAME.json`."""

    name: str
    mail: str
    suites: tuple[str, ...] = ("*",)
    digest: bool = False


class Reviewers:
    """The reviewers of a site."""

    def __init__(self, keys: Path) -> None:
        self._reviewers = keys / "reviewers"

    def reviewer_names(self) -> list[str]:
        """Name the reviewers, also those whose files cannot be read."""
        return [path.stem for path in sorted(self._reviewers.glob("[a-z]*.json"))]

    def reviewers(self) -> list[Reviewer]:
        """List the reviewers; one whose file cannot be read is left out, and the log says so."""
        found = []
        for name in self.reviewer_names():
            try:
                found.append(self.reviewer(name))
            except UnknownPerson as error:
                log.error("a reviewer is left out: %s", error)
        return found

    def reviewer(self, name: str) -> Reviewer:
        """Give a reviewer. Raises UnknownPerson."""
        path = self._duties(name)
        try:
            duties = msgspec.json.decode(path.read_bytes(), type=_Duties)
        except FileNotFoundError:
            known = ", ".join(self.reviewer_names()) or "nobody"
            raise UnknownPerson(f"'{name}' is not a reviewer (registered: {known}); 'debmill reviewer add'") from None
        except (msgspec.MsgspecError, *FOREIGN) as error:
            raise UnknownPerson(f"{path}: {error}") from None
        return Reviewer(**msgspec.structs.asdict(duties), certificates=self._certificates(name))

    def add_reviewer(
        self,
        name: str,
        mail: str,
        suites: tuple[str, ...] = ("*",),
        openpgp_key: bytes | None = None,
        now: datetime | None = None,
        digest: bool | None = None,
    ) -> Reviewer:
        """Register a reviewer, or change one: whose key or digest is not given keeps what there was.

        A key is checked at the time `now`. Raises UnknownPerson, BadSignature.
        """
        path = self._duties(name)
        kept = self.reviewer(name).digest if path.exists() and digest is None else bool(digest)
        duties = _Duties(name, checked_mail(mail), suites, kept)
        atomic.make(self._reviewers)
        if openpgp_key is not None:
            for one in openpgp.read_certificates(openpgp_key):
                self._check(name, one, now)
            atomic.replace(path.with_suffix(".asc"), openpgp_key)
        atomic.replace(path, msgspec.json.format(msgspec.json.encode(duties), indent=1) + b"\n")
        return self.reviewer(name)

    def remove_reviewer(self, name: str) -> Reviewer:
        """Forget a reviewer, and give who it was. Raises UnknownPerson."""
        gone, path = self.reviewer(name), self._duties(name)
        atomic.remove(path.with_suffix(".asc"))  # first: who gets the name later never gets the key
        atomic.remove(path)
        atomic.disk.sync(self._reviewers)
        return gone

    def _duties(self, name: str) -> Path:
        return self._reviewers / f"{checked(name)}.json"

    def _certificates(self, name: str) -> tuple[Certificate, ...]:
        path = self._duties(name).with_suffix(".asc")
        try:
            return tuple(openpgp.read_certificates(path.read_bytes()))
        except FileNotFoundError:
            return ()
        except (BadSignature, *FOREIGN) as error:
            raise UnknownPerson(f"{path}: {error}") from None

    def _check(self, name: str, one: Certificate, now: datetime | None) -> None:
        if now is not None:
            openpgp.check_usable(one, now)
        for other in self.reviewers():
            if other.name != name and one.fingerprint in other.fingerprints:
                raise UnknownPerson(f"the OpenPGP key {one.fingerprint.upper()} belongs to the reviewer '{other.name}'")
