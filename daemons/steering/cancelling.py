"""A cancelled build: the paper `cancel` in the entry of a job says who does not want it any more, and why.

Whoever may write it lays it beside the envelope, in one rename; the builder that has the job in hand looks for it while
a command runs. A paper that arrives too late travels on with the entry and counts at the next claim.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from queues import atomic, envelope

CANCEL = "cancel"


class Cancel(Struct, frozen=True):
    """Who cancelled, and why."""

    by: str = "somebody"
    reason: str = "no reason given"

    def __str__(self) -> str:
        """Say it as it stands in the result."""
        return f"cancelled by {self.by}: {self.reason}"


def lay(job: Path, cancel: Cancel) -> None:
    """Ask the builder of an active job to end it. Raises FileNotFoundError when the job has moved on."""
    atomic.replace(job / CANCEL, envelope.encode(cancel), 0o444)


def asked(job: Path) -> Cancel | None:
    """Read who cancelled a job; None when nobody did. A file that is no paper of ours cancels all the same."""
    try:
        return envelope.read(job, Cancel, CANCEL) if (job / CANCEL).exists() else None
    except envelope.Unreadable:
        return Cancel()


def withdraw(job: Path) -> None:
    """Forget that a job was cancelled."""
    atomic.remove(job / CANCEL)
