"""Looks at the document root: the links of `dists`, what a dead publication left, and every snapshot."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from archive.catalogue import dists_of
from archive.checking import dists, feeds, pool
from archive.openpgp import Certificate
from archive.published import Published
from archive.snapshot import DISTS, LIVE, OPKG, SnapshotId, Tree, is_alias
from queues import locks
from queues.checking.digests import Digests
from queues.checking.findings import Finding, Look, broken, harmless, repairable
from queues.values import Suite

_TARGET = re.compile(r"\.\./snapshots/([0-9]{8}T[0-9]{6}Z/(?:dists|live)/([^/]+))")
_ASIDE = re.compile(r"\..*\.new")


def looks(
    root: Path, suites: Mapping[str, Suite], certificates: Sequence[Certificate], digests: Digests, now: datetime
) -> Iterator[Look]:
    """Give every look at an archive whose signatures these certificates verify."""
    tree = Tree(root)
    groups = [dists_of(suite) for suite in suites.values()]
    linked = {*_linked(tree).values()}
    yield partial(_links, tree, groups)
    yield partial(_leftovers, tree, groups)
    yield partial(_strangers, tree)
    yield partial(_feeds, tree, groups)
    for path in (path for one in tree.opkg.glob("*") if not is_alias(one) for path in one.glob("*/*")):
        yield partial(feeds.signatures, path, certificates, root / "keys", now)
    for snapshot in tree.all():
        yield partial(_pool_of, tree, snapshot)
        for path in (path for kind in (DISTS, LIVE) for path in (tree.snapshots / snapshot / kind).glob("*")):
            yield partial(dists.look, path, snapshot, certificates, digests, now, current=path in linked)
        for path in (tree.snapshots / snapshot / OPKG).glob("*/*/*"):
            yield partial(feeds.look, path, digests)
    yield from pool.looks(tree, Published(tree.snapshots / "published.sha256"), digests)


def _dists(tree: Tree) -> list[Path]:
    found = (path for path in tree.dists.glob("*") if not _ASIDE.fullmatch(path.name))
    return sorted(path for path in found if not (is_alias(path) and path.exists()))


def _linked(tree: Tree) -> dict[str, Path]:
    """Give the links of `dists` that lead to a publication, and where they lead."""
    found = {path.name: _TARGET.fullmatch(os.readlink(path)) for path in _dists(tree) if path.is_symlink()}
    places = {name: tree.snapshots / match[1] for name, match in found.items() if match and match[2] == name}
    return {name: place for name, place in places.items() if place.is_dir()}


def _unsound(tree: Tree, groups: Sequence[Sequence[str]]) -> list[str]:
    """Name the directories of `dists` that clients cannot get."""
    wanted = {path.name for path in _dists(tree)} | {dist for group in groups for dist in group}
    return sorted(wanted - _linked(tree).keys())


def _links(tree: Tree, groups: Sequence[Sequence[str]]) -> Iterator[Finding]:
    for dist in _unsound(tree, groups):
        yield broken("link", tree.dists / dist, f"it leads to no publication: {_remedy(tree, dist)}")


def _remedy(tree: Tree, dist: str) -> str:
    newest = tree.generations(dist, 1)
    if not newest:
        return "'debmill init' publishes a suite for the first time"
    target = tree.directory(newest[0], dist).relative_to(tree.root)
    return f"before anything is published, set it to ../{target} with 'ln -s'"


def _leftovers(tree: Tree, groups: Sequence[Sequence[str]]) -> Iterator[Finding]:
    if not locks.is_free(tree.snapshots):
        return  # a publication is on its way
    found = [*_aside(tree), *_half(tree, groups), *_unlinked(tree)]
    if locks.is_free(tree.snapshots):
        # Where a link was lost, what seems to be unfinished may be all that is left of its suite.
        kind = broken if _unsound(tree, groups) else repairable
        for path, means in found:
            yield kind("unfinished", path, means)


def _aside(tree: Tree) -> Iterator[tuple[Path, str]]:
    hidden = (*tree.dists.glob(".*"), *tree.opkg.glob(".*"))
    asides = [path for path in hidden if _ASIDE.fullmatch(path.name)]
    for path in [*([tree.building] if tree.building.exists() else []), *asides]:
        yield path, "a publication died before it was visible to anybody: it goes"


def _half(tree: Tree, groups: Sequence[Sequence[str]]) -> Iterator[tuple[Path, str]]:
    linked = _linked(tree)
    for first, *_, own in (group for group in groups if len(group) > 1):
        if {first, own} <= linked.keys() and linked[first].parents[1] != linked[own].parents[1]:
            yield tree.dists / own, f"a publication died between {first} and {own}: the second follows"


def _unlinked(tree: Tree) -> Iterator[tuple[Path, str]]:
    linked = {path.parents[1].name for path in _linked(tree).values()}
    for snapshot in tree.all()[:1]:
        if snapshot not in linked:
            yield tree.snapshots / snapshot, "a publication died before any link led to it: it goes"


def _feeds(tree: Tree, groups: Sequence[Sequence[str]]) -> Iterator[Finding]:
    if locks.is_free(tree.snapshots):
        for group in groups:
            yield from feeds.link(tree, group[-1])


def _strangers(tree: Tree) -> Iterator[Finding]:
    known = {*tree.all(), tree.building.name, "published.sha256"}
    for name in sorted(set(os.listdir(tree.snapshots)) - known):
        yield harmless("stranger", tree.snapshots / name, "debmill put nothing here: it may be moved away")


def _pool_of(tree: Tree, snapshot: SnapshotId) -> Iterator[Finding]:
    link = tree.snapshots / snapshot / "pool"
    (tree.snapshots / snapshot).stat()
    if not link.is_symlink() or os.readlink(link) != "../../pool":
        yield broken("link", link, "it must be a link to ../../pool, or nothing can be had from this snapshot")
