"""Uploads put together by hand, of as many and as large tarballs as a test wants; nothing can be built from them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.support.people import Person
from tests.support.road import SUITE
from tests.support.sources import SourceUpload
from tests.support.tools import run

_DSC = """\
Format: 3.0 (quilt)
Source: {source}
Binary: {source}
Architecture: any
Version: {version}
Maintainer: {who.full_name} <{who.address}>
Standards-Version: 4.6.2
Package-List:
 {source} deb misc optional arch=any
"""

_CHANGES = """\
Format: 1.8
Date: {date}
Source: {source}
Architecture: source
Version: {version}
Distribution: {suite}
Urgency: medium
Maintainer: {who.full_name} <{who.address}>
Changed-By: {who.full_name} <{who.address}>
Description:
 {source} - nothing
Changes:
 {source} ({version}) {suite}; urgency=medium
 .
   * Put together by hand.
"""


def craft(source: str, by: Person, tarballs: list[Path]) -> SourceUpload:
    """Write a signed .dsc and .changes beside the upstream tarballs, which are those of version 1.0."""
    folder, version = tarballs[0].parent, "1.0-1"
    packaging = folder / f"{source}_{version}.debian.tar.xz"
    packaging.write_bytes(f"the packaging of {source}\n".encode() * 20)
    facts = {"source": source, "version": version, "who": by, "suite": SUITE}
    facts["date"] = run(["date", "--utc", "--rfc-email"]).output.strip()
    dsc = folder / f"{source}_{version}.dsc"
    by.clearsign(_DSC.format(**facts) + _sums([*tarballs, packaging], ""), dsc)
    changes = folder / f"{source}_{version}_source.changes"
    by.clearsign(_CHANGES.format(**facts) + _sums([dsc, *tarballs, packaging], "misc optional "), changes)
    return SourceUpload(source, version, changes, by)


def _sums(paths: list[Path], section: str) -> str:
    def listed(kind: str, between: str = "") -> str:
        return "".join(f" {_digest(kind, path)} {path.stat().st_size} {between}{path.name}\n" for path in paths)

    sums = f"Checksums-Sha1:\n{listed('sha1')}Checksums-Sha256:\n{listed('sha256')}"
    return f"{sums}Files:\n{listed('md5', section)}"


def _digest(kind: str, path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
