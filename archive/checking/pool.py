"""Looks at the pool: what the indices name is there, what is there is recorded, and what nobody names is told."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from archive.checking import dists
from archive.keeping.keeper import unnamed
from archive.keeping.needed import Indices
from archive.published import Published
from archive.snapshot import Tree
from queues import locks
from queues.checking.digests import Digests
from queues.checking.findings import Finding, Look, broken, harmless, repairable
from queues.values import FileRef


def looks(tree: Tree, published: Published, digests: Digests) -> Iterator[Look]:
    """Give every look at the files of the pool."""
    indices = Indices(tree)
    yield partial(_unnamed, tree, indices)
    yield partial(_modes, tree)
    named = sorted(indices.named().files, key=lambda ref: ref.name)
    recorded = published.sha256_of_each({Path(ref.name).name for ref in named})
    yield partial(_hash_all, digests, [tree.root / ref.name for ref in named])
    for ref in named:
        yield partial(_file, tree, published, recorded.get(Path(ref.name).name), ref, digests)


def _hash_all(digests: Digests, paths: list[Path]) -> Iterator[Finding]:
    digests.ahead(paths)
    return iter(())


def _file(tree: Tree, published: Published, known: str | None, ref: FileRef, digests: Digests) -> Iterator[Finding]:
    path = tree.root / ref.name
    if objection := digests.objection(path, ref):
        yield broken("pool", path, f"{objection}, and an index names it: restore it from a backup")
    recorded = known or published.sha256_of(path.name)
    if recorded is None and not objection:
        yield repairable(
            "unrecorded", path, "published.sha256 has forgotten it: its name could be used for other content"
        )
    elif recorded not in (None, ref.sha256):
        yield broken(
            "pool", path, f"published.sha256 knows another content of this name, {recorded}: see which is right"
        )


def _unnamed(tree: Tree, indices: Indices) -> Iterator[Finding]:
    found = [*unnamed(tree.root, indices.named())]
    if not locks.is_free(tree.snapshots):
        return  # what a publication has put there is not named yet
    for path in found:
        yield harmless("unnamed", path, "no snapshot names it, nobody gets it: 'debmill archive gc' removes it")


def _modes(tree: Tree) -> Iterator[Finding]:
    for path in (tree.root / "pool").rglob("*"):
        if path.is_symlink():
            yield broken("stranger", path, "a link has no place in the pool: remove it")
        else:
            yield from dists.mode(path)
