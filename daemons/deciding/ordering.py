"""Which builds of a set wait for which others, so that each sees what those make. Pure.

A build waits for those of the other members that make a package it wants. In a cycle, the oldest that was not tried
goes first, with what is published; when none of a cycle can be built so, each says what it misses, like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from queues.names import Key

State = Literal["open", "tried", "failed", "over"]


class Task(Struct, frozen=True):
    """One architecture of one member: the packages it makes, those it wants, and from which architectures.

    It is `over` when nobody waits for it any more, `tried` when it was begun and misses something, `failed` when its
    upload cannot pass its gate so, and a person may let it be built again.
    """

    key: Key
    upload: Key
    architecture: str
    makes: frozenset[str]
    wants: frozenset[str]
    sees: tuple[str, ...]
    state: State


def blockers(key: Key, tasks: Sequence[Task]) -> list[Task]:
    """Name the tasks that one waits for; `tasks` are those of the whole set, the oldest upload first."""
    left = [task for task in tasks if task.state != "over"]
    waits = {task.key: {other.key for other in left if _is_wanted(other, task)} for task in left}
    mine = waits.get(key, set())
    cycle = {other for other in _reached(key, waits) if key in _reached(other, waits)}
    missing = mine - cycle
    if not missing and cycle:
        first = next((task.key for task in left if task.key in cycle and task.state == "open"), key)
        missing = set() if first == key else mine
    return [task for task in left if task.key in missing]


def _is_wanted(other: Task, by: Task) -> bool:
    return other.upload != by.upload and other.architecture in by.sees and bool(other.makes & by.wants)


def _reached(start: Key, waits: Mapping[Key, set[Key]]) -> set[Key]:
    """Give all that a task waits for, also by way of others; itself, too, when it is in a cycle."""
    found: set[Key] = set()
    ahead = [*waits.get(start, ())]
    while ahead:
        key = ahead.pop()
        if key not in found:
            found.add(key)
            ahead += waits[key]
    return found
