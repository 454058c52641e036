"""The reviewer's desk: the decisions.

Each claims the case, records who made it, tells those concerned, and ends in one rename: accepted is the rename from
`review` to `master`, nothing else. Who may decide is a small table (`review.people`). A decision records the SHA256 of
the evidence that lay beside the case then. What a suite's rules decide without a person is recorded as `rule:<name>`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime

from msgspec import Struct

from queues import history
from queues.layout import Spool
from queues.names import Key
from queues.problem import Problem
from queues.recovery import recover
from queues.rooms import Room
from queues.values import Set, Suite, Upload
from review import cases, notes, standing, together
from review.cases import Case
from review.hand import Hand, NotAllowed
from review.notes import Note
from review.notices import UNDONE
from review.people import People
from review.person import Reviewer
from review.policy.values import Policy, Ruling

__all__ = ["Desk", "NotAllowed"]


class Desk(Struct, frozen=True):
    """Where decisions are made."""

    spool: Spool
    people: People
    suites: Mapping[str, Suite]
    policies: Mapping[str, Policy] = {}

    @contextmanager
    def open(self, wanted: str, reviewer: str, now: datetime) -> Iterator[Hand]:
        """Have a case in hand for as long as the block runs; others see whose it is, and cannot decide on it.

        Raises NoCase, NotAllowed, UnknownPerson; what the block raises that a person is to mend leaves it as it was.
        """
        with self._claimed(*self._allowed(wanted, reviewer, now)) as hand:
            hand.show_owner()
            yield hand

    def accept(self, wanted: str, reviewer: str, now: datetime) -> Upload:
        """Send a case on to the master build queue. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        if objection := self._objection(case, judge):
            raise NotAllowed(objection)
        with self._claimed(case, judge) as hand:
            hand.accept(now)
        return case.upload

    def accept_set(self, wanted: Sequence[str], reviewer: str, now: datetime) -> list[Upload]:
        """Send cases on to be built and published as one; none when one of them may not, which the error names.

        Raises NoCase, NotAllowed, UnknownPerson.
        """
        chosen = self._chosen(wanted, reviewer, now)
        if objections := self._objections(chosen, now):
            raise NotAllowed("; ".join((*objections, "nothing is accepted")))
        with ExitStack() as stack:
            hands = [stack.enter_context(self._claimed(case, judge)) for case, judge in chosen]
            for hand in hands:
                hand.vouch(now)
            bond = Set(tuple(case.upload.key for case, _ in chosen), chosen[0][1].name, now)
            for hand in hands:
                hand.bind(bond)
            for hand in hands:  # the first to go is the acceptance of all
                hand.send_on(now)
        return [case.upload for case, _ in chosen]

    def objections(self, wanted: Sequence[str], reviewer: str, now: datetime) -> list[str]:
        """Say what keeps cases from being accepted as a set. Raises NoCase, NotAllowed, UnknownPerson."""
        return self._objections(self._chosen(wanted, reviewer, now), now)

    def finish(self, key: Key, bond: Set, now: datetime) -> bool:
        """Accept a member that a death left in review when its set was accepted; False when it is not to be had."""
        recover(self.spool.review, now)
        case = cases.by_key(self.spool, key)
        if case is None or case.room != Room.READY:
            return False
        with self._taken(case.upload, bond.by) as hand:
            if hand is None or together.of(hand.entry.path) != bond:
                return False
            hand.send_on(now)
        return True

    def reject(self, wanted: str, reviewer: str, reason: str, now: datetime) -> Upload:
        """Send a case to `rejected`, and tell the uploader why. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        with self._claimed(case, judge) as hand:
            hand.reject(reason, now)
        return case.upload

    def hold(self, wanted: str, reviewer: str, reason: str, now: datetime) -> Upload:
        """Put a case aside. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        with self._claimed(case, judge) as hand:
            hand.hold(reason)
        return case.upload

    def release(self, wanted: str, reviewer: str, now: datetime) -> Upload:
        """Put a held case back. Raises NoCase, NotAllowed, UnknownPerson."""
        case, judge = self._allowed(wanted, reviewer, now)
        if case.room != Room.HOLD:
            raise NotAllowed(f"{case.id} is not held")
        if cases.put_aside_by(history.read(case.path)) == UNDONE:
            raise NotAllowed(f"{case.id} is being taken back: 'debmill review undo {case.id}' finishes that")
        with self._claimed(case, judge) as hand:
            hand.release()
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
        with self._claimed(case, judge) as hand:
            hand.ask(question, now)
        return case.upload

    def obey(self, upload: Upload, ruling: Ruling, now: datetime) -> bool:
        """Do what a rule decides for a case that waits; False when somebody has it, or its signer is doubtful."""
        if ruling.verdict == "accept" and standing.doubt(self.people, upload, now):
            return False
        with self._taken(upload, ruling.by) as hand:
            if hand is not None:
                hand.obey(ruling, now)
        return hand is not None

    def hold_doubtful(self, now: datetime) -> list[Upload]:
        """Put aside every case whose signer's word does not count any more, and tell those concerned.

        One that a reviewer has in hand is found the next time, or held when it is accepted.
        """
        held = []
        for case in cases.waiting(self.spool):
            doubt = standing.doubt(self.people, case.upload, now) if case.room == Room.READY else ""
            if doubt:
                with self._taken(case.upload, "") as hand:
                    if hand is not None:
                        hand.hold_and_tell(doubt, now)
                        held.append(case.upload)
        return held

    def judge_of(self, upload: Upload, reviewer: str) -> Reviewer:
        """Give the reviewer who wants to decide on an upload. Raises NotAllowed, UnknownPerson."""
        judge = self.people.reviewer(reviewer)
        if not judge.may_review(upload.suite):
            may = ", ".join(judge.suites)
            raise NotAllowed(f"{judge.name} may not decide on uploads to {upload.suite}, only to {may}")
        return judge

    def _objection(self, case: Case, judge: Reviewer) -> str:
        """Say why a reviewer may not accept a case: it is held, or their own where the suite wants two people."""
        if case.room == Room.HOLD:
            return f"{case.id} is held; 'debmill review release {case.id}' puts it back, then accept it"
        policy = self.policies.get(case.upload.suite, Policy())
        if policy.second_pair and standing.is_own(self.people, case.upload, judge):
            wants = f"{case.upload.suite} wants a second pair of eyes"
            return f"{case.id} is {judge.name}'s own, and {wants}: another reviewer may accept it"
        return ""

    def _chosen(self, wanted: Sequence[str], reviewer: str, now: datetime) -> list[tuple[Case, Reviewer]]:
        """Give the cases that are named, each once, the oldest first."""
        found = [self._allowed(one, reviewer, now) for one in wanted]
        return sorted(
            {case.path.name: (case, judge) for case, judge in found}.values(), key=lambda one: one[0].path.name
        )

    def _objections(self, chosen: Sequence[tuple[Case, Reviewer]], now: datetime) -> list[str]:
        found = together.objections([case.upload for case, _ in chosen])
        for case, judge in chosen:
            doubt = standing.doubt(self.people, case.upload, now)
            taken = _in_hands(case) if case.room == Room.ACTIVE else ""
            found += filter(None, (taken, self._objection(case, judge), f"{case.id}: {doubt}" if doubt else ""))
        return found

    def _allowed(self, wanted: str, reviewer: str, now: datetime) -> tuple[Case, Reviewer]:
        self.people.reviewer(reviewer)
        recover(self.spool.review, now)
        case = cases.find(self.spool, wanted)
        return case, self.judge_of(case.upload, reviewer)

    @contextmanager
    def _claimed(self, case: Case, judge: Reviewer) -> Iterator[Hand]:
        with self._taken(case.upload, judge.name, case.room, self._objection(case, judge)) as hand:
            if hand is not None:
                yield hand
                return
        raise NotAllowed(_in_hands(case))

    @contextmanager
    def _taken(self, upload: Upload, by: str, room: Room = Room.READY, objection: str = "") -> Iterator[Hand | None]:
        with self.spool.review.claim(upload.key, room) as entry:
            if entry is None:
                yield None
                return
            case = Case(entry.envelope, room, entry.path, by)
            hand = Hand(entry, case, by, self.spool, self.people, self.suites, objection)
            try:
                yield hand
            except Problem:  # a person's mistake is no fault of the case
                if not entry.settled:
                    hand.put_back()
                raise
            if not entry.settled:
                hand.put_back()


def _in_hands(case: Case) -> str:
    return f"{case.id} is in the hands of {case.reviewer or 'somebody else'} at this moment"
