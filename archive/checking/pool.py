"""Looks at the pool: what the indices name is there, what is there is recorded, and what nobody names is told."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from archive import release
from archive.checking import dists
from archive.published import Published
from archive.snapshot import Tree
from queues import locks
from queues.checking.digests import Digests
from queues.checking.findings import Finding, Look, broken, harmless, repairable
from queues.values import FileRef

_BINARY = re.compile(rb"^(Filename|Size|SHA256): *(\S+)$", re.MULTILINE)
_FEED = re.compile(rb"^Filename: (?:\.\./)*(\S+)\nSize: ([0-9]+)\nMD5sum: \S+\nSHA256sum: (\S+)$", re.MULTILINE)
_SOURCE = re.compile(rb"^ ([0-9a-f]{64}) ([0-9]+) (\S+)$", re.MULTILINE)
_DIRECTORY = re.compile(rb"^Directory: *(\S+)$", re.MULTILINE)


def looks(tree: Tree, published: Published, digests: Digests) -> Iterator[Look]:
    """Give every look at the files of the pool."""
    indices = Indices(tree)
    yield partial(_unnamed, tree, indices)
    yield partial(_modes, tree)
    for ref in sorted(indices.named(), key=lambda ref: ref.name):
        yield partial(_file, tree, published, ref, digests)


class Indices:
    """Which files the indices of all snapshots name; an index that lies in several of them is read once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known: dict[str, frozenset[FileRef]] = {}

    def named(self) -> set[FileRef]:
        """Give every file that a snapshot names, `name` being its path below the document root."""
        found: set[FileRef] = set()
        for path in self._tree.snapshots.glob("[0-9]*/dists/*/Release"):
            for name, listed in release.hashes(path.read_bytes()).items():
                if name.endswith(("/Packages", "/Sources")):
                    found |= self._read(path.parent / f"{name}.gz", listed.sha256)
        for path in self._tree.snapshots.glob("[0-9]*/opkg/*/*/*/Packages"):
            found |= self._feed(path)
        return found

    def _feed(self, path: Path) -> frozenset[FileRef]:
        inode = str(path.stat().st_ino)  # a feed that did not change is the same file in several snapshots
        if inode not in self._known:
            named = _FEED.findall(path.read_bytes())
            self._known[inode] = frozenset(FileRef(n.decode(), int(size), sha256.decode()) for n, size, sha256 in named)
        return self._known[inode]

    def _read(self, index: Path, sha256: str) -> frozenset[FileRef]:
        if sha256 not in self._known:
            try:
                text = gzip.decompress(index.read_bytes())
            except (OSError, EOFError, ValueError):
                return frozenset()  # told as a damaged index
            read = _of_source if index.name.startswith("Sources") else _of_binary
            self._known[sha256] = frozenset(ref for stanza in text.split(b"\n\n") for ref in read(stanza))
        return self._known[sha256]


def _of_binary(stanza: bytes) -> Iterator[FileRef]:
    fields = {name: value.decode() for name, value in _BINARY.findall(stanza)}
    if len(fields) == 3:
        yield FileRef(fields[b"Filename"], int(fields[b"Size"]), fields[b"SHA256"])


def _of_source(stanza: bytes) -> Iterator[FileRef]:
    for directory in _DIRECTORY.findall(stanza):
        for sha256, size, name in _SOURCE.findall(stanza):
            yield FileRef(f"{directory.decode()}/{name.decode()}", int(size), sha256.decode())


def _file(tree: Tree, published: Published, ref: FileRef, digests: Digests) -> Iterator[Finding]:
    path = tree.root / ref.name
    if objection := digests.objection(path, ref):
        yield broken("pool", path, f"{objection}, and an index names it: restore it from a backup")
    recorded = published.sha256_of(path.name)
    if recorded is None and not objection:
        yield repairable(
            "unrecorded", path, "published.sha256 has forgotten it: its name could be used for other content"
        )
    elif recorded not in (None, ref.sha256):
        yield broken(
            "pool", path, f"published.sha256 knows another content of this name, {recorded}: see which is right"
        )


def _unnamed(tree: Tree, indices: Indices) -> Iterator[Finding]:
    present = [path for path in (tree.root / "pool").rglob("*") if not path.is_dir() or path.is_symlink()]
    if not locks.is_free(tree.snapshots):
        return  # what a publication has put there is not named yet
    named = {ref.name for ref in indices.named()}
    for path in present:
        if str(path.relative_to(tree.root)) not in named:
            yield harmless("unnamed", path, "no snapshot names it, nobody gets it: it only takes space")


def _modes(tree: Tree) -> Iterator[Finding]:
    for path in (tree.root / "pool").rglob("*"):
        if path.is_symlink():
            yield broken("stranger", path, "a link has no place in the pool: remove it")
        else:
            yield from dists.mode(path)
