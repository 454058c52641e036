"""A case in a reviewer's hands: it is claimed, so nobody else decides on it, and these are the decisions.

It exists only inside `Desk.open`. Each decision tells those concerned and ends in one rename; a case on which none was
made goes back to where it was when it is left, or when its process dies.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from queues import atomic, envelope
from queues.entry import Entry
from queues.layout import Spool
from queues.outcomes import Later
from queues.problem import Problem
from queues.rooms import Room
from queues.values import Set, Suite, Upload
from review import standing, together
from review.cases import OWNER, Case
from review.evidence import papers
from review.notices import ASKED, anew, tell
from review.people import People
from review.policy.values import Ruling
from review.together import SET


class NotAllowed(Problem):
    """A decision that is not this person's, or not possible now."""


class Hand:
    """What `by` may do with the case of a claimed entry."""

    def __init__(
        self,
        entry: Entry[Upload],
        case: Case,
        by: str,
        spool: Spool,
        people: People,
        suites: Mapping[str, Suite],
        objection: str,
    ) -> None:
        """Take a claimed entry; `objection` says why this person may not accept it, if so."""
        self.entry = entry
        self.case = case
        self.by = by
        self._spool = spool
        self._people = people
        self._suites = suites
        self.objection = objection

    def accept(self, now: datetime) -> None:
        """Send it on to the master build queue; one whose signer's word does not count is held. Raises NotAllowed."""
        self.vouch(now)
        bond = together.of(self.entry.path)
        if bond is not None and not together.is_begun(self._spool, bond):
            atomic.remove(self.entry.path / SET)  # of an attempt that died
        self.send_on(now)

    def vouch(self, now: datetime) -> None:
        """See that it may be accepted; one whose signer's word does not count is held. Raises NotAllowed."""
        if self.objection:
            raise NotAllowed(self.objection)
        doubt = standing.doubt(self._people, self.case.upload, now)
        if doubt:
            self.hold(doubt)
            raise NotAllowed(f"{self.case.id} is held now, not accepted: {doubt}")

    def bind(self, bond: Set) -> None:
        """Make it a member of a set, whatever attempt died before."""
        atomic.replace(self.entry.path / SET, envelope.encode(bond), 0o444)

    def send_on(self, now: datetime) -> None:
        """Send what may be accepted on, with the set that it belongs to, if any."""
        self._tell(anew("accepted", self.entry.history), now, by=self.by)
        stamp, bond = self._spool.master.stamp(now), together.of(self.entry.path)
        facts = {"by": self.by, "evidence": self._evidence}
        if bond is not None:
            facts["set"] = " ".join(map(together.in_words, bond.members))
        self._leave()
        self.entry.move(self._spool.master, Room.READY, event="accepted", stamp=stamp, **facts)

    def reject(self, reason: str, now: datetime) -> None:
        """Send it to `rejected`, and tell the uploader why."""
        self._tell("rejected", now, by=self.by, reason=reason)
        self._leave()
        self.entry.move(
            self._spool.review, Room.REJECTED, event="rejected", by=self.by, reason=reason, evidence=self._evidence
        )

    def hold(self, reason: str) -> None:
        """Put it aside; nobody is told."""
        self._leave()
        if self.by:
            self.entry.move(self._spool.review, Room.HOLD, event="held", reason=reason, by=self.by)
        else:
            self.entry.move(self._spool.review, Room.HOLD, event="held", reason=reason)

    def hold_and_tell(self, reason: str, now: datetime) -> None:
        """Put it aside for what its uploader must know."""
        self._tell(anew("held", self.entry.history), now, reason=reason)
        self.hold(reason)

    def release(self) -> None:
        """Put it back among those that wait."""
        self._leave()
        self.entry.move(self._spool.review, event="released", by=self.by)

    def ask(self, question: str, now: datetime) -> None:
        """Ask the uploader something; it keeps its place."""
        self._tell(anew(ASKED, self.entry.history), now, by=self.by, question=question)
        self._leave()
        self.entry.move(self._spool.review, self.case.room, event=ASKED, by=self.by, reason=question)

    def obey(self, ruling: Ruling, now: datetime) -> None:
        """Do what a rule decides."""
        if ruling.verdict == "accept":
            self.accept(now)
        else:
            self.reject(ruling.reason, now)

    def put_back(self) -> None:
        """Leave it as it was."""
        self._leave()
        self.entry.settle(Later("nothing was decided"))

    def show_owner(self) -> None:
        """Write for people whose it is while it is open; the lock decides."""
        (self.entry.path / OWNER).write_text(f"{self.by}\n")  # nothing depends on it: no disk is waited for

    def _leave(self) -> None:
        atomic.remove(self.entry.path / OWNER)

    def _tell(self, event: str, now: datetime, **facts: str) -> None:
        upload = self.case.upload
        tell(self._spool, self._people, self._suites.get(upload.suite), event, upload, now, **facts)

    @property
    def _evidence(self) -> str:
        """Say which evidence lies beside it at this moment."""
        return papers.digest(self.entry.path) or "none"
