"""What an upload is built for, read from its own files, or from what is published of it."""

from __future__ import annotations

from pathlib import Path

from queues.values import Suite, Upload
from review.inspection import architectures as inspection
from review.inspection import dsc
from review.refusal import Refusal


def architectures(files: Path, upload: Upload, suite: Suite) -> tuple[str, ...]:
    """Name the architectures, `all` last. Raises review.refusal.Refusal when the suite builds none of them."""
    name = next(ref.name for ref in upload.files if ref.name.endswith(".dsc"))
    return inspection.plan(dsc.read((files / name).read_bytes(), name), suite)


def of_published(stanza: bytes, name: str, suite: Suite) -> tuple[str, ...]:
    """Name those of the suite's architectures that a published source is meant for, by its stanza in Sources."""
    try:
        return inspection.plan(dsc.read(stanza, name), suite)
    except Refusal:
        return ()
