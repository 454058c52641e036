"""Looks at feeds for opkg: their link, each file against `sha256sums`, the packed list, and both signatures."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from archive import openpgp
from archive.checking import dists
from archive.openpgp import BadSignature, Certificate
from archive.snapshot import OPKG, Tree
from queues.checking.digests import Digests
from queues.checking.findings import Finding, broken, repairable

AGES = timedelta(days=36500)  # a published signature is as good as its key
_LINE = re.compile(r"^([0-9a-f]{64}) \*(\S+)$", re.MULTILINE)
_REMEDY = "publish again with 'debmill archive publish'"


def link(tree: Tree, suite: str) -> Iterator[Finding]:
    """Look at the link of a suite's feeds: it leads to those of the snapshot that the suite is."""
    own, path = tree.current(suite), tree.opkg / suite
    if own is None or not (tree.snapshots / own).is_dir():
        return  # told of the suite's own link
    target = f"../snapshots/{own}/{OPKG}/{suite}"
    wanted = target if (tree.snapshots / own / OPKG / suite).is_dir() else ""
    found = os.readlink(path) if path.is_symlink() else ""
    if path.exists() and not path.is_symlink():
        yield broken("link", path, "it must be a link into snapshots: move it away, and publish the suite again")
    elif found > target and path.is_dir():
        yield repairable("unfinished", tree.dists / suite, "a publication died behind its feeds: the suite follows")
    elif found != wanted:
        yield repairable("unfinished", path, "it is not of the snapshot that the suite is: it follows the suite")


def look(directory: Path, digests: Digests) -> Iterator[Finding]:
    """Look at the files of a feed. Raises FileNotFoundError when it went away."""
    directory.stat()
    listed = {name: sha256 for sha256, name in _LINE.findall(_text(directory / "sha256sums"))}
    for name in sorted({"Packages", "Packages.gz", "Packages.sig", "Packages.asc", "index.json"} | listed.keys()):
        path = directory / name
        if not path.is_file() or digests.of(path) != listed.get(name):
            yield broken("feed", path, f"it is not the file that sha256sums lists: {_REMEDY}")
    for path in (directory, *directory.iterdir()):
        if not path.is_symlink():
            yield from dists.mode(path)


def signatures(directory: Path, certificates: Sequence[Certificate], keys: Path, now: datetime) -> Iterator[Finding]:
    """Look at what clients get now: the packed list and its signatures by the public keys in `keys`."""
    from archive.opkg import usign  # a site without feeds is spared its libraries

    text = _content(directory / "Packages")
    if _unpacked(directory / "Packages.gz") != text:
        yield broken("feed", directory / "Packages.gz", f"what is packed is not Packages: {_REMEDY}")
    if not any(
        usign.verifies(key.read_bytes(), text, _content(directory / "Packages.sig")) for key in keys.glob("*.pub")
    ):
        yield broken("signature", directory / "Packages.sig", f"no key in {keys} verifies it: {_REMEDY}")
    try:
        openpgp.verify_detached(text, _content(directory / "Packages.asc"), certificates, now, AGES)
    except BadSignature as error:
        means = f"the archive's key does not verify it ({error}): {_REMEDY}"
        yield broken("signature", directory / "Packages.asc", means)


def _text(path: Path) -> str:
    return _content(path).decode(errors="replace")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""  # and then nothing fits it


def _unpacked(path: Path) -> bytes | None:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, ValueError):
        return None
