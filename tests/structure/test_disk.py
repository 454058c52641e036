"""Only queues/atomic.py changes names on disk or waits for the disk."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.structure.tree import MODULES, parsed, relative

FUNCTIONS = {
    "os": {"rename", "renames", "replace", "link", "symlink", "fsync", "fdatasync"},
    "shutil": {"move", "rmtree"},
}
# `inside.py` is a program: it runs alone in a fresh root, on a file system in memory that ends with it.
EXEMPT = {"queues/atomic.py", "daemons/building/roots/inside.py"}
PATH_METHODS = {"rename", "symlink_to", "hardlink_to"}


def test_only_atomic_renames_links_and_syncs() -> None:
    found = [
        f"{relative(path)}:{call.lineno}"
        for path in MODULES
        if relative(path) not in EXEMPT
        for call in calls(path)
        if changes_names(call)
    ]
    assert found == []


def test_the_test_sees_what_it_looks_for() -> None:
    seen = ["os.rename(a, b)", "shutil.rmtree(a)", "path.rename(b)", "path.replace(b)", "path.symlink_to(b)"]
    unseen = ["atomic.disk.rename(a, b)", "atomic.replace(a, b)", "text.replace('a', 'b')", "when.replace(tzinfo=UTC)"]
    assert [text for text in seen + unseen if any(map(changes_names, calls_in(ast.parse(text))))] == seen


def calls(path: Path) -> Iterator[ast.Call]:
    return calls_in(parsed(path))


def calls_in(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def changes_names(call: ast.Call) -> bool:
    """Say whether a call renames, links or syncs; a text's `replace` has two arguments, a path's one."""
    function = call.func
    if not isinstance(function, ast.Attribute):
        return False
    owner = function.value.id if isinstance(function.value, ast.Name) else getattr(function.value, "attr", "")
    if owner in FUNCTIONS:
        return function.attr in FUNCTIONS[owner]
    if function.attr in PATH_METHODS:
        return owner != "disk"
    return function.attr == "replace" and len(call.args) == 1 and not call.keywords
