"""The envelope of an entry: one struct as JSON, written once, with the version of its format."""

from __future__ import annotations

import os
from typing import TypeVar

import msgspec

from queues import papers
from queues.atomic import AnyPath
from queues.papers import NotAPaper
from queues.problem import Problem

FILE = "envelope"
FORMAT = 1
T = TypeVar("T", bound=msgspec.Struct)


class _Version(msgspec.Struct):
    format: int


class Unreadable(Problem):
    """An envelope that is missing, cut short, of another format, or of another type."""


def encode(content: msgspec.Struct) -> bytes:
    """Write a struct as a file's content, ending in a newline."""
    fields = msgspec.to_builtins(content, builtin_types=())
    return msgspec.json.format(msgspec.json.encode({"format": FORMAT, **fields}), indent=1) + b"\n"


def decode(data: bytes, kind: type[T]) -> T:
    """Read a struct back. Raises Unreadable."""
    try:
        found = msgspec.json.decode(data, type=_Version).format
        if found != FORMAT:
            raise Unreadable(f"format {found} where {FORMAT} is known")
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise Unreadable(str(error)) from None


def read(entry: AnyPath, kind: type[T], name: str = FILE) -> T:
    """Read a paper of an entry. Raises Unreadable; FileNotFoundError when the entry itself is gone."""
    try:
        return decode(papers.read(f"{entry}/{name}"), kind)
    except NotAPaper as error:
        raise Unreadable(str(error)) from None
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from None
    except FileNotFoundError:
        if os.path.isdir(entry):
            raise Unreadable(f"there is no {name}") from None
        raise
