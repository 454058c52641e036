"""What the screens ask of the rest: the same calls that the commands make, each answered in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from queues.clock import Clock
from queues.layout import Spool
from queues.names import Key
from queues.values import Upload
from review.desk import Desk
from review.policy.values import Policy
from review.reasons import Reasons
from review.screens.held import Held

Undo = Callable[[str, str], Sequence[Upload]]  # a name and a reason
_ACCEPTED, _REJECTED = "is accepted; u takes it back", "is rejected"
_HELD, _ASKED = "is held; h puts it back", "waits; its uploader is asked"


class Work(Struct, frozen=True):
    """A reviewer at the desk, with the case that is open in `held`; one that is not is claimed by the desk itself.

    `undoing` takes an acceptance back; it knows the builders, which the desk does not.
    """

    desk: Desk
    reviewer: str
    undoing: Undo
    clock: Clock
    held: Held
    reasons: Reasons

    @property
    def spool(self) -> Spool:
        """The queues."""
        return self.desk.spool

    def policy(self, suite: str) -> Policy:
        """Give the policy of a suite."""
        return self.desk.policies.get(suite, Policy())

    def take(self, key: Key) -> str:
        """Open a case; says why it cannot be decided on, if so."""
        return self.held.take(key, self.reviewer, self.clock())

    def accept(self, key: Key) -> str:
        """Accept a case. Raises what the desk does."""
        hand, now = self.held.holds(key), self.clock()
        if hand is None:
            return _said(self.desk.accept(key, self.reviewer, now), _ACCEPTED)
        hand.accept(now)
        return _said(hand.case.upload, _ACCEPTED)

    def accept_set(self, keys: Sequence[Key]) -> str:
        """Accept several as a set. Raises what the desk does; then none is accepted."""
        done = self.desk.accept_set(keys, self.reviewer, self.clock())
        return f"{len(done)} uploads are accepted as a set; u takes it back"

    def reject(self, key: Key, reason: str) -> str:
        """Reject a case. Raises what the desk does."""
        hand, now = self.held.holds(key), self.clock()
        if hand is None:
            return _said(self.desk.reject(key, self.reviewer, reason, now), _REJECTED)
        hand.reject(reason, now)
        return _said(hand.case.upload, _REJECTED)

    def hold(self, key: Key, reason: str) -> str:
        """Put a case aside. Raises what the desk does."""
        hand = self.held.holds(key)
        if hand is None:
            return _said(self.desk.hold(key, self.reviewer, reason, self.clock()), _HELD)
        hand.hold(reason)
        return _said(hand.case.upload, _HELD)

    def release(self, key: Key) -> str:
        """Put a held case back. Raises what the desk does, which looks at why it is held."""
        if self.held.holds(key) is not None:
            self.held.free()
        return _said(self.desk.release(key, self.reviewer, self.clock()), "waits for a decision again")

    def note(self, key: Key, text: str) -> str:
        """Leave a note. Raises what the desk does."""
        return _said(self.desk.note(key, self.reviewer, text, self.clock()), "has a note more")

    def ask(self, key: Key, question: str) -> str:
        """Ask the uploader. Raises what the desk does."""
        hand, now = self.held.holds(key), self.clock()
        if hand is None:
            return _said(self.desk.ask(key, self.reviewer, question, now), _ASKED)
        hand.ask(question, now)
        return _said(hand.case.upload, _ASKED)

    def undo(self, wanted: str, reason: str) -> str:
        """Take an acceptance back; may wait for builders to end. Raises what the undoing does."""
        back = self.undoing(wanted, reason)
        if len(back) == 1:
            return _said(back[0], "waits for a decision again; nothing of it is built")
        return f"{', '.join(one.source for one in back)}, a set, wait for a decision again; nothing of them is built"


def _said(upload: Upload, what: str) -> str:
    return f"{upload.source} {upload.version} {what}"
