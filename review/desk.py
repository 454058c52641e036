"""The reviewer's desk: the decisions.

Each claims the case, records who made it, tells those concerned, and ends in one rename: accepted is the rename from
`review` to `master`, nothing else. Who may decide is a small table (`review.people`). A decision records the SHA256 of
the evidence that lay beside the case then. What a suite's rules decide without a person is recorded as `rule:<name>`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from msgspec import Struct

from queues import history
from queues.entry import Entry
from queues.layout import Spool
from queues.problem import Problem
from queues.recovery import recover
from queues.rooms import Room
from queues.values import Suite, Upload
from review import cases, notes, standing
from review.cases import Case
from review.evidence import papers
from review.notes import Note
from review.notices import ASKED, UNDONE, anew, tell
from review.people import People
from review.person import Reviewer
from review.policy.values import Policy, Ruling


class NotAllowed(Problem):
    """A decision that is not this person's, or not possible now."""


class Desk(Struct, frozen=True):
    """Where decisions are made."""

    spool: Spool
    people: People
    suites: Mapping[str, Suite]
    policies: Mapping[str, Policy] = {}

    def accept(self, wanted: str, reviewer: str, now: datetime) -> Upload:
        """Send a case on to the master build queue. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        if case.room == Room.HOLD:
            raise NotAllowed(f"{case.id} is held; 'debmill review release {case.id}' puts it back, then accept it")
        self._check_second_pair(case, judge)
        with self._claimed(case) as entry:
            doubt = standing.doubt(self.people, case.upload, now)
            if doubt:
                self._put_aside(entry, doubt, by=judge.name)
            else:
                self._send_on(entry, judge.name, now)
        if doubt:
            raise NotAllowed(f"{case.id} is held now, not accepted: {doubt}")
        return case.upload

    def reject(self, wanted: str, reviewer: str, reason: str, now: datetime) -> Upload:
        """Send a case to `rejected`, and tell the uploader why. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        with self._claimed(case) as entry:
            self._send_away(entry, judge.name, reason, now)
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
        if cases.put_aside_by(history.read(case.path)) == UNDONE:
            raise NotAllowed(f"{case.id} is being taken back: 'debmill review undo {case.id}' finishes that")
        with self._claimed(case) as entry:
            entry.move(self.spool.review, event="released", by=judge.name)
        return case.upload

    def note(self, wanted: str, reviewer: str, text: str, now: datetime) -> Upload:
        """Leave a note for other reviewers, whoever has the case in hand. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        notes.add(case.path, Note(now, judge.name, text))
        return case.upload

    def ask(self, wanted: str, reviewer: str, question: str, now: datetime) -> Upload:
        """Ask the uploader something, by mail and below /status; the case stays where it is in the order.

        Raises NoCase, NotAllowed, UnknownPerson.
        """
        case, judge = self._allowed(wanted, reviewer, now)
        with self._claimed(case) as entry:
            self._tell(anew(ASKED, entry.history), case.upload, now, by=judge.name, question=question)
            entry.move(self.spool.review, case.room, event=ASKED, by=judge.name, reason=question)
        return case.upload

    def obey(self, upload: Upload, ruling: Ruling, now: datetime) -> bool:
        """Do what a rule decides for a case that waits; False when somebody has it in hand, or it cannot be done."""
        with self.spool.review.claim(upload.key) as entry:
            if entry is None:
                return False
            if ruling.verdict == "reject":
                self._send_away(entry, ruling.by, ruling.reason, now)
            elif standing.doubt(self.people, upload, now):
                return False
            else:
                self._send_on(entry, ruling.by, now)
        return True

    def hold_doubtful(self, now: datetime) -> list[Upload]:
        """Put aside every case whose signer's word does not count any more, and tell those concerned.

        One that a reviewer has in hand is found the next time, or held when it is accepted.
        """
        held = []
        for case in cases.waiting(self.spool):
            doubt = standing.doubt(self.people, case.upload, now) if case.room == Room.READY else ""
            if doubt:
                with self.spool.review.claim(case.upload.key) as entry:
                    if entry is not None:
                        self._tell(anew("held", entry.history), case.upload, now, reason=doubt)
                        self._put_aside(entry, doubt)
                        held.append(case.upload)
        return held

    def judge_of(self, upload: Upload, reviewer: str) -> Reviewer:
        """Give the reviewer who wants to decide on an upload. Raises NotAllowed, UnknownPerson."""
        judge = self.people.reviewer(reviewer)
        if not judge.may_review(upload.suite):
            may = ", ".join(judge.suites)
            raise NotAllowed(f"{judge.name} may not decide on uploads to {upload.suite}, only to {may}")
        return judge

    def _allowed(self, wanted: str, reviewer: str, now: datetime) -> tuple[Case, Reviewer]:
        self.people.reviewer(reviewer)
        recover(self.spool.review, now)
        case = cases.find(self.spool, wanted)
        return case, self.judge_of(case.upload, reviewer)

    def _check_second_pair(self, case: Case, judge: Reviewer) -> None:
        policy = self.policies.get(case.upload.suite, Policy())
        if policy.second_pair and standing.is_own(self.people, case.upload, judge):
            raise NotAllowed(
                f"{case.id} is {judge.name}'s own, and {case.upload.suite} wants a second pair of eyes: "
                "another reviewer may accept it"
            )

    @contextmanager
    def _claimed(self, case: Case) -> Iterator[Entry[Upload]]:
        with self.spool.review.claim(case.upload.key, case.room) as entry:
            if entry is not None:
                yield entry
                return
        raise NotAllowed(f"{case.id} is in the hands of {case.reviewer or 'somebody else'} at this moment")

    def _send_on(self, entry: Entry[Upload], by: str, now: datetime) -> None:
        self._tell(anew("accepted", entry.history), entry.envelope, now, by=by)
        stamp = self.spool.master.stamp(now)
        entry.move(self.spool.master, event="accepted", stamp=stamp, by=by, evidence=_seen(entry))

    def _send_away(self, entry: Entry[Upload], by: str, reason: str, now: datetime) -> None:
        self._tell("rejected", entry.envelope, now, by=by, reason=reason)
        seen = _seen(entry)
        entry.move(self.spool.review, Room.REJECTED, event="rejected", by=by, reason=reason, evidence=seen)

    def _put_aside(self, entry: Entry[Upload], reason: str, by: str = "") -> None:
        facts = {"reason": reason, "by": by} if by else {"reason": reason}
        entry.move(self.spool.review, Room.HOLD, event="held", stamp=None, **facts)

    def _tell(self, event: str, upload: Upload, now: datetime, **facts: str) -> None:
        tell(self.spool, self.people, self.suites.get(upload.suite), event, upload, now, **facts)


def _seen(entry: Entry[Upload]) -> str:
    """Say which evidence lay beside the entry when it was decided on."""
    return papers.digest(entry.path) or "none"
