"""The fields of .deb and .dsc files, read in a process that can open nothing but those files.

What a build produced is hostile until it was checked, and the process that publishes can sign. So a child opens the
files, gives up the right to open any other (no key, no agent, no network) or to start a process, and only then looks
inside (`archive.reader`). The parent gets plain strings; it hashes the files itself and never parses them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

_BATCH = 800  # files that one child reads: a process may usually have 1,024 open
_CHILDREN = 2
_HERE = Path(__file__).resolve().parents[1]
Fields = Mapping[str, str]


class Unreadable(ValueError):
    """A file whose fields cannot be read; the message names it and says why."""


class Answer(msgspec.Struct):
    """The fields of one file, or why they cannot be read."""

    fields: dict[str, str] = {}
    error: str = ""


def read(paths: Sequence[Path]) -> list[Fields]:
    """Give the control fields of each .deb or .dsc, in the order of `paths`. Raises Unreadable."""
    found: list[Fields] = []
    for one in _answers(paths):
        if one.error:
            raise Unreadable(one.error)
        found.append(one.fields)
    return found


def each(paths: Sequence[Path]) -> Iterator[Fields | Unreadable]:
    """Give the control fields of each of very many files, in the order of `paths`, or why one has none."""
    from concurrent.futures import (
        ThreadPoolExecutor,
    )  # the child, which takes its answer's form from here, has no use for it

    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    with ThreadPoolExecutor(_CHILDREN) as children:
        for start in range(0, len(batches), _CHILDREN):
            for found in children.map(_batch, batches[start : start + _CHILDREN]):
                yield from (Unreadable(one.error) if one.error else one.fields for one in found)


def _batch(paths: Sequence[Path]) -> list[Answer]:
    """Read files; where one of them is too much for a child, only that one has no answer."""
    try:
        return _answers(paths)
    except Unreadable as error:
        half = len(paths) // 2
        return [*_batch(paths[:half]), *_batch(paths[half:])] if half else [Answer(error=str(error))]


def _answers(paths: Sequence[Path]) -> list[Answer]:
    """Have a child read files. A child that was killed is started once more: a file that is to blame kills both."""
    if not paths:
        return []
    ended = _look(paths)
    if ended.returncode < 0:
        ended = _look(paths)
    try:
        answers = msgspec.json.decode(ended.stdout, type=list[Answer])
    except msgspec.DecodeError:
        complaint = ended.stderr.decode(errors="replace").strip().splitlines()
        raise Unreadable(f"reading {paths[0].name}: {complaint[-1] if complaint else ended.returncode}") from None
    if len(answers) != len(paths):
        raise Unreadable(f"{paths[0].name}: the reader stopped early")
    return answers


def _look(paths: Sequence[Path]) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "archive.reader", *(str(path.absolute()) for path in paths)]
    return subprocess.run(command, cwd=_HERE, stdin=subprocess.DEVNULL, capture_output=True, check=False)
