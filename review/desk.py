"""The reviewer's desk: what waits, what is known about it, and the decisions.

A decision claims the case, records who made it, tells those concerned, and ends in one rename: accepted is the rename
from `review` to `master`, nothing else. Who may decide is a small table (`review.people`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from msgspec import Struct

from archive import openpgp
from archive.openpgp import BadSignature
from queues.entry import Entry
from queues.layout import Spool
from queues.problem import Problem
from queues.recovery import recover
from queues.rooms import Room
from queues.values import Suite, Upload
from review import cases
from review.cases import Case
from review.notices import anew, tell
from review.people import People
from review.person import Reviewer


class NotAllowed(Problem):
    """A decision that is not this person's, or not possible now."""


class Desk(Struct, frozen=True):
    """Where decisions are made."""

    spool: Spool
    people: People
    suites: Mapping[str, Suite]

    def accept(self, wanted: str, reviewer: str, now: datetime) -> Upload:
        """Send a case on to the master build queue. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        if case.room == Room.HOLD:
            raise NotAllowed(f"{case.id} is held; 'debmill review release {case.id}' puts it back, then accept it")
        with self._claimed(case) as entry:
            doubt = self._doubt(case.upload, now)
            if doubt:
                self._put_aside(entry, doubt, by=judge.name)
            else:
                self._tell("accepted", case.upload, now, by=judge.name)
                stamp = self.spool.master.stamp(now)
                entry.move(self.spool.master, event="accepted", stamp=stamp, by=judge.name)
        if doubt:
            raise NotAllowed(f"{case.id} is held now, not accepted: {doubt}")
        return case.upload

    def reject(self, wanted: str, reviewer: str, reason: str, now: datetime) -> Upload:
        """Send a case to `rejected`, and tell the uploader why. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        with self._claimed(case) as entry:
            self._tell("rejected", case.upload, now, by=judge.name, reason=reason)
            entry.move(self.spool.review, Room.REJECTED, event="rejected", by=judge.name, reason=reason)
        return case.upload

    def hold(self, wanted: str, reviewer: str, reason: str, now: datetime) -> Upload:
        """Put a case aside. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        with self._claimed(case) as entry:
            self._put_aside(entry, reason, by=judge.name)
        return case.upload

    def release(self, wanted: str, reviewer: str, now: datetime) -> Upload:
        """Put a held case back. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        if case.room != Room.HOLD:
            raise NotAllowed(f"{case.id} is not held")
        with self._claimed(case) as entry:
            entry.move(self.spool.review, event="released", by=judge.name)
        return case.upload

    def hold_doubtful(self, now: datetime) -> list[Upload]:
        """Put aside every case whose signer's word does not count any more, and tell those concerned.

        One that a reviewer has in hand is found the next time, or held when it is accepted.
        """
        held = []
        for case in cases.waiting(self.spool):
            doubt = self._doubt(case.upload, now) if case.room == Room.READY else ""
            if doubt:
                with self.spool.review.claim(case.upload.key) as entry:
                    if entry is not None:
                        self._tell(anew("held", entry.history), case.upload, now, reason=doubt)
                        self._put_aside(entry, doubt)
                        held.append(case.upload)
        return held

    def _allowed(self, wanted: str, reviewer: str, now: datetime) -> tuple[Case, Reviewer]:
        judge = self.people.reviewer(reviewer)
        recover(self.spool.review, now)
        case = cases.find(self.spool, wanted)
        if not judge.may_review(case.upload.suite):
            may = ", ".join(judge.suites)
            raise NotAllowed(f"{judge.name} may not decide on uploads to {case.upload.suite}, only to {may}")
        return case, judge

    @contextmanager
    def _claimed(self, case: Case) -> Iterator[Entry[Upload]]:
        with self.spool.review.claim(case.upload.key, case.room) as entry:
            if entry is not None:
                yield entry
                return
        raise NotAllowed(f"{case.id} is in the hands of {case.reviewer or 'somebody else'} at this moment")

    def _put_aside(self, entry: Entry[Upload], reason: str, by: str = "") -> None:
        facts = {"reason": reason, "by": by} if by else {"reason": reason}
        entry.move(self.spool.review, Room.HOLD, event="held", stamp=None, **facts)

    def _doubt(self, upload: Upload, now: datetime) -> str:
        """Say why the signer's word does not count any more; empty when it does."""
        signer = self.people.by_fingerprint(upload.signer)
        if signer is None:
            return f"its signer, {upload.signed_by} ({upload.signer.upper()}), is no longer an uploader"
        if not signer.may_upload(upload.source, upload.suite):
            return f"its signer, {signer.name}, may no longer upload {upload.source} to {upload.suite}"
        try:
            for certificate in signer.certificates:
                if certificate.fingerprint == upload.signer:
                    openpgp.check_usable(certificate, now)
        except BadSignature as error:
            return str(error)
        return ""

    def _tell(self, event: str, upload: Upload, now: datetime, **facts: str) -> None:
        tell(self.spool, self.people, self.suites.get(upload.suite), event, upload, now, **facts)
