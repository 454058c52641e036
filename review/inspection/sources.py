"""A complete source: what an upload does not bring is found where this very file already is.

Most uploads leave out the upstream tarball. It is taken by name, size and SHA256 from the pool or from an upload that
is still in the queues; and no file name ever stands for two contents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from queues.values import FileRef
from review.inspection import files
from review.inspection.changes import Changes
from review.inspection.dsc import Dsc
from review.refusal import Refusal

SEND_ALL = "dpkg-buildpackage -S -sa"


class Held(Struct, frozen=True):
    """A file of this source that is here: `where` in words, `path` on disk (None: only remembered)."""

    name: str
    sha256: str
    where: str
    size: int = -1
    path: Path | None = None


Find = Callable[[FileRef], Path | None]


def complete(changes: Changes, dsc: Dsc, held: Iterable[Held], find: Find) -> dict[FileRef, Path]:
    """Find each file that the .dsc names and the upload does not bring; `find` asks the pool. Raises Refusal."""
    here = list(held)
    check_contents({*changes.files, *dsc.files}, here)
    brought = {ref.name for ref in changes.files}
    return {ref: _found(ref, dsc, here, find) for ref in dsc.files if ref.name not in brought}


def check_contents(refs: Iterable[FileRef], held: Iterable[Held]) -> None:
    """Refuse a file whose name already stands for other content. Raises Refusal."""
    known = {one.name: one for one in held}
    for ref in refs:
        other = known.get(ref.name)
        if other is not None and other.sha256 != ref.sha256:
            raise Refusal(
                "content",
                f"{ref.name} has SHA256 {ref.sha256} here, but {other.sha256} in {other.where}: a file name is never "
                f"used for other content; take that file, or use a new version",
            )


def _found(ref: FileRef, dsc: Dsc, held: Iterable[Held], find: Find) -> Path:
    if not files.is_orig(ref.name, dsc.source, dsc.version):
        raise Refusal("missing", f"{ref.name} is named by {dsc.name} but not by the .changes; rebuild with {SEND_ALL}")
    waiting = (one.path for one in held if one.path and (one.name, one.size, one.sha256) == _identity(ref))
    path = find(ref) or next(waiting, None)
    if path is None:
        raise Refusal(
            "missing", f"{ref.name} is not in the upload, nor in the archive or its queues; rebuild with {SEND_ALL}"
        )
    return path


def _identity(ref: FileRef) -> tuple[str, int, str]:
    return ref.name, ref.size, ref.sha256
