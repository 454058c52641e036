"""Which builds of a set wait for which others, so that each sees what those make. Pure.

A build waits for those of the other members that make a package it wants. In a cycle, the oldest that was not tried
goes first, with what is published; when none of a cycle can be built so, each says what it misses, like any other.
"""

from __future__ import annotations

from collections import defaultdict
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
    left = {task.key: task for task in tasks if task.state != "over"}
    if key not in left:
        return []
    waits = _waits(left)
    cycle = _reached(key, waits) & _reached(key, _turned(waits))
    missing = waits[key] - cycle
    if not missing and cycle:
        first = next((one for one in left if one in cycle and left[one].state == "open"), key)
        missing = set() if first == key else waits[key]
    return [task for one, task in left.items() if one in missing]


def _waits(left: Mapping[Key, Task]) -> dict[Key, set[Key]]:
    """Name for each task those of other uploads that make what it wants, for where it is built."""
    makers: dict[str, list[Task]] = defaultdict(list)
    for task in left.values():
        for package in task.makes:
            makers[package].append(task)
    return {
        key: {
            other.key
            for package in task.wants & makers.keys()
            for other in makers[package]
            if other.upload != task.upload and other.architecture in task.sees
        }
        for key, task in left.items()
    }


def _turned(waits: Mapping[Key, set[Key]]) -> dict[Key, set[Key]]:
    found: dict[Key, set[Key]] = {key: set() for key in waits}
    for key, others in waits.items():
        for other in others:
            found[other].add(key)
    return found


def _reached(start: Key, edges: Mapping[Key, set[Key]]) -> set[Key]:
    """Give all to which there is a way; also where it began, when that is in a cycle."""
    found: set[Key] = set()
    ahead = [*edges[start]]
    while ahead:
        key = ahead.pop()
        if key not in found:
            found.add(key)
            ahead += edges[key]
    return found
