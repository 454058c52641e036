"""One piece of a story: an entry, where it is, what that means, and what happened to it."""

from __future__ import annotations

from msgspec import Struct

from queues.names import Key


class Chapter(Struct, frozen=True):
    """One entry: what it is, where it is now and since when (ISO 8601), what that means, what one can do, its events.

    `notes` say more of what it waits for: who would bring what it misses, and whether that one waits for it. What is in
    no queue has no key: its `queue` is `dists` and its `room` a suite, or `uploading` and an account.
    """

    key: Key
    title: str
    queue: str
    room: str
    meaning: str
    notes: list[str]
    remedy: str
    events: list[dict[str, str]]
    since: str = ""
