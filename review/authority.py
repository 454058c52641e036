"""Who vouches for an upload, and may: the OpenPGP signer decides the rights, the SSH account only carries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from archive import openpgp
from archive.openpgp import BadSignature, Certificate, Verified
from queues.values import Suite
from review.facts import Facts
from review.inspection import changes as inspection
from review.inspection.changes import Changes
from review.person import Reviewer, Uploader
from review.refusal import Refusal


class Vouched(Struct, frozen=True):
    """A .changes whose signature, signer and contents are right; `sha256` and `size` are of the whole file."""

    changes: Changes
    suite: Suite
    verified: Verified
    signer: Uploader
    sha256: str
    size: int

    @property
    def signed_by(self) -> str:
        """The signer as the certificate names him or her."""
        names = [one.user_ids for one in self.signer.certificates if one.fingerprint == self.verified.signer]
        return names[0][0] if names and names[0] else self.signer.name


def vouch(data: bytes, name: str, account: str, facts: Facts, now: datetime) -> Vouched:
    """Verify and read a .changes, alone. Raises Refusal."""
    verified, signer = signer_of(data, name, facts, now)
    changes = inspection.read(verified.octets, name)
    suite = inspection.suite_of(changes, facts.suites)
    _check_rights(changes, suite, signer)
    check_account(name, signer.name, account, facts)
    inspection.check_components([changes.component], suite)
    return Vouched(changes, suite, verified, signer, hashlib.sha256(data).hexdigest(), len(data))


def signer_of(data: bytes, name: str, facts: Facts, now: datetime) -> tuple[Verified, Uploader]:
    """Verify a clearsigned file, and find which uploader signed it. Raises Refusal."""
    verified = verify(data, name, facts.people.certificates(), facts, now)
    signer = facts.people.by_fingerprint(verified.signer)
    if signer is None:
        raise Refusal("signature", f"{name}: the key {verified.signer.upper()} was removed this moment")
    return verified, signer


class Signer(Struct, frozen=True):
    """Who signed commands: an uploader, a reviewer, or both."""

    verified: Verified
    uploader: Uploader | None
    reviewer: Reviewer | None

    @property
    def name(self) -> str:
        """The name of this person."""
        return next((one.name for one in (self.uploader, self.reviewer) if one), self.verified.signer.upper())

    def as_uploader(self, shown: str, file: str) -> Uploader:
        """Give the uploader who gives the command `shown`. Raises Refusal."""
        if self.uploader is None:
            raise Refusal("rights", f"{file}: '{shown}': {self.name} is a reviewer, and no uploader")
        return self.uploader

    def as_reviewer(self, shown: str, file: str, now: datetime) -> Reviewer:
        """Give the reviewer who gives the command `shown`. Raises Refusal."""
        if self.reviewer is None:
            raise Refusal("rights", f"{file}: '{shown}': no reviewer has the key of {self.name}")
        own = next(one for one in self.reviewer.certificates if one.fingerprint == self.verified.signer)
        try:
            openpgp.check_usable(own, now)  # the copy that was verified may be the uploader's
        except BadSignature as error:
            raise Refusal("signature", f"{file}: '{shown}': {error}") from None
        return self.reviewer


def signer_of_commands(data: bytes, name: str, facts: Facts, now: datetime) -> Signer:
    """Verify a clearsigned file by the key of an uploader or reviewer. Raises Refusal."""
    reviewers = facts.people.reviewers()
    keys = [*facts.people.certificates(), *(key for one in reviewers for key in one.certificates)]
    verified = verify(data, name, keys, facts, now)
    reviewer = next((one for one in reviewers if verified.signer in one.fingerprints), None)
    return Signer(verified, facts.people.by_fingerprint(verified.signer), reviewer)


def verify(data: bytes, name: str, certificates: Iterable[Certificate], facts: Facts, now: datetime) -> Verified:
    """Verify a clearsigned file by one of these keys. Raises Refusal."""
    try:
        return openpgp.verify_clearsigned(data, certificates, now, facts.max_age)
    except BadSignature as error:
        raise Refusal("signature", f"{name}: {error}") from None


def check_account(name: str, signer: str, account: str, facts: Facts) -> None:
    """Refuse what somebody else carried, where the site wants signer and account to be one. Raises Refusal."""
    if facts.signer_is_account and signer != account:
        raise Refusal("rights", f"{name}: signed by {signer}, but sent by {account}; both must be one here")


def _check_rights(changes: Changes, suite: Suite, signer: Uploader) -> None:
    if not signer.may_upload(changes.source, suite.name):
        packages, suites = ", ".join(signer.packages), ", ".join(signer.suites)
        raise Refusal(
            "rights",
            f"{signer.name} may not upload {changes.source} to {suite.name}, only {packages} to {suites}; "
            "ask the operator of this archive",
        )
