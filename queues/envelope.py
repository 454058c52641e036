"""A struct as one line of JSON, with the version of its format: the envelope of an entry, or a paper beside it.

What an older debmill wrote stays as it is on disk, and is brought up to date when it is read: `UPGRADES` has for each
older format the function that makes its fields those of the next. What a newer debmill wrote is nobody's to judge here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from queues import papers
from queues.atomic import AnyPath
from queues.papers import NotAPaper
from queues.problem import Problem

FORMAT = 1
Fields = dict[str, Any]
UPGRADES: dict[int, Callable[[Fields], Fields]] = {}  # none: format 1 is the first that was released
T = TypeVar("T", bound=msgspec.Struct)


class _Version(msgspec.Struct):
    format: int


class Unreadable(Problem):
    """An envelope that is missing, cut short, of another format, or of another type."""


class Newer(Unreadable):
    """A paper that a newer debmill wrote: it is whole, and waits for that debmill to come back."""


def encode(content: msgspec.Struct) -> bytes:
    """Write a struct as one line, with its newline."""
    fields = msgspec.to_builtins(content, builtin_types=())
    return msgspec.json.encode({"format": FORMAT, **fields}) + b"\n"


def decode(data: bytes, kind: type[T]) -> T:
    """Read a struct back. Raises Unreadable; Newer."""
    try:
        found = msgspec.json.decode(data, type=_Version).format
        return msgspec.json.decode(data if found == FORMAT else _upgraded(data, found), type=kind)
    except msgspec.MsgspecError as error:
        raise Unreadable(str(error)) from None


def _upgraded(data: bytes, found: int) -> bytes:
    if found > FORMAT:
        raise Newer(f"a newer debmill wrote it (format {found}, this one knows {FORMAT}): install that one again")
    fields = msgspec.json.decode(data, type=Fields)
    for older in range(found, FORMAT):
        if older not in UPGRADES:
            raise Unreadable(f"format {found} where {FORMAT} is known")
        fields = UPGRADES[older](fields)
    return msgspec.json.encode(fields)


def read(entry: AnyPath, kind: type[T], name: str) -> T:
    """Read a paper beside an entry's history. Raises Unreadable; FileNotFoundError when the entry itself is gone."""
    try:
        return decode(papers.read(f"{entry}/{name}"), kind)
    except NotAPaper as error:
        raise Unreadable(str(error)) from None
    except Unreadable as error:
        raise type(error)(f"{name}: {error}") from None
    except FileNotFoundError:
        if os.path.isdir(entry):
            raise Unreadable(f"there is no {name}") from None
        raise
