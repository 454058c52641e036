"""What a handler may say of its entry; nothing else exists.

An exception is none of these: it is our bug or the machine's, and the entry goes to `hold` for a person.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Done(Struct, frozen=True):
    """The entry's work is finished here: it goes to `done`."""

    note: str = ""


class Later(Struct, frozen=True):
    """Not now: given back at once, or deferred until `not_before` (UTC)."""

    reason: str
    not_before: datetime | None = None


class Never(Struct, frozen=True):
    """It cannot succeed and is not tried again: the entry goes to `failed`."""

    reason: str


Outcome = Done | Later | Never
