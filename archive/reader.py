"""The child that reads the fields of .debs and .dscs: it opens them, gives up all else, and only then looks inside."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from archive import debfile, dscfile
from archive.reading import Answer, Unreadable
from archive.sealing import seal
from queues import control


def main(paths: Sequence[str]) -> None:
    """Be the child: print the fields of the files as JSON."""
    files = [(Path(path).name, open(path, "rb")) for path in paths]  # noqa: SIM115 -- they live as long as the process
    seal()
    sys.stdout.buffer.write(msgspec.json.encode([_answer(name, file) for name, file in files]))


def _answer(name: str, file: BinaryIO) -> Answer:
    try:
        return Answer(_fields(name, file))
    except Unreadable as unreadable:
        return Answer(error=str(unreadable))


def _fields(name: str, file: BinaryIO) -> dict[str, str]:
    try:
        if name.endswith(".dsc"):
            return control.paragraph(dscfile.paragraph(file.read(dscfile.LARGEST)))
        return control.paragraph(debfile.control(file))
    except (debfile.NotADeb, dscfile.NotADsc, control.Malformed) as error:
        raise Unreadable(f"{name}: {error}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
