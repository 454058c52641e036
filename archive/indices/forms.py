"""The forms that an index is published in: how a piece is packed in each, and how a file is put together and cut apart.

Every index is published as .gz and .xz, and as .zst where its suite asks for it; that of the packages for all
architectures, which few read, as .gz only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from archive.catalogue import ALL, Place
from archive.indices import blocks, members
from archive.indices.pieces import FAST, Piece
from queues.values import Suite

GZ, XZ, ZST = ".gz", ".xz", ".zst"
_LEVELS = (6, 1)  # of zlib: thorough, fast
Packed = Mapping[str, Any]  # what a piece is in each form


class Form(NamedTuple):
    """One form. What `cut` gives of a file, as what `pack` makes of a piece, knows its `text_size`."""

    pack: Callable[[bytes, Piece], Any]
    join: Callable[[Iterable[Any]], bytes]
    cut: Callable[[memoryview], Iterator[Any]]


class Foreign(ValueError):
    """A file that was not put together here."""


def wanted(suite: Suite, place: Place) -> tuple[str, ...]:
    """Name the forms of an index, by the suffixes of its files."""
    if place.architecture == ALL:
        return (GZ,)
    return (GZ, XZ, ZST) if suite.zst else (GZ, XZ)


def pack(piece: Piece, suffixes: Iterable[str]) -> Packed:
    """Pack a piece in the forms in which it is not packed yet."""
    text, known = bytes(piece.text), piece.packed or {}
    return {suffix: known[suffix] if suffix in known else FORMS[suffix].pack(text, piece) for suffix in suffixes}


def cut(suffix: str, file: memoryview) -> list[Any]:
    """Cut a file apart; empty pieces are none. Raises Foreign."""
    try:
        return [one for one in FORMS[suffix].cut(file) if one.text_size]
    except ValueError as error:
        raise Foreign(str(error)) from None


def _fast(piece: Piece) -> bool:
    return bool(piece.marks & FAST)


def _member(text: bytes, piece: Piece) -> members.Packed:
    data = members.pack(text, piece.marks, piece.first, _LEVELS[_fast(piece)])
    return members.Packed(data, len(text))


def _zst() -> Any:
    from archive import zst  # a site without it is spared its library

    return zst


FORMS = {
    GZ: Form(_member, members.join, members.cut),
    XZ: Form(lambda text, piece: blocks.pack(text, fast=_fast(piece)), blocks.stream, blocks.read),
    ZST: Form(
        lambda text, piece: _zst().pack(text, fast=_fast(piece)),
        lambda frames: bytes(_zst().join(frames)),
        lambda file: iter(_zst().read(file)),
    ),
}
