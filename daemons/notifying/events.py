"""The events that people and programs are told of, as programs are told: one JSON object each.

An event's `id` is the key of its notice, which is made once: who gets an event twice drops the second by it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct

from queues.names import Key
from queues.values import Notice

Kind = Literal[
    "received",
    "refused",
    "rejected",
    "asked",
    "accepted",
    "undone",
    "failed",
    "built",
    "published",
    "held",
    "withheld",
    "abandoned",
    "superseded",
    "waiting",
    "cycle",
]
KINDS: tuple[str, ...] = get_args(Kind)
DIGEST = "digest"  # a notice that sums up others: a mail, and no event
REFUSED = "refused"  # belongs to no upload


class Told(Struct, frozen=True, omit_defaults=True):
    """An event: `at` is UTC, `facts` are what its mail says; a refused file has no upload."""

    id: Key
    at: datetime
    event: str
    upload: str = ""
    source: str = ""
    version: str = ""
    suite: str = ""
    facts: dict[str, str] = {}


def kind(notice: Notice) -> str:
    """Give the kind of an event; what stands behind it, an architecture or a number, only tells it from others."""
    return notice.event.partition("-")[0]


def told(notice: Notice, key: Key) -> Told:
    """Say a notice to programs."""
    what = kind(notice)
    if what == REFUSED:
        return Told(key, notice.at, what, facts=notice.facts)
    return Told(key, notice.at, what, notice.upload, notice.source, notice.version, notice.suite, notice.facts)
