"""The check of what a build produced, by the control fields of the files and the .dsc the job was for.

It reads them through `archive.reading`, in a process that can do nothing else. What needs the rest of the archive,
whether a name is another source's, is asked at inclusion.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archive import reading, results
from queues.values import BuildJob


def objection(job: BuildJob, dsc: Path, files: Sequence[Path]) -> str:
    """Say why these files are no results of the job; empty when they are."""
    packages = [path for path in files if path.suffix in (".deb", ".udeb", ".ddeb")]
    if not packages:
        return "the build made no package"
    try:
        source, *fields = reading.read([dsc, *packages])
    except reading.Unreadable as unreadable:
        return str(unreadable)
    expected = results.Expected(job.source, job.version, job.architecture, results.declared_by(source))
    objections = (results.objection(path.name, its, expected) for path, its in zip(packages, fields, strict=True))
    return next(filter(None, objections), "")
