"""Names and places: modules, folders, and what may not stand in a file."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from tests.structure.tree import LAYERS, MODULES, ROOT, parsed, relative

FOLDERS = {*LAYERS, "tests", "etc"}
FILES = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"}
# Hosts of registries and mirrors: what to install from is the machine's own configuration.
REGISTRIES = re.compile(
    r"(pypi|pythonhosted)\.org|(deb|security|snapshot|archive|ftp)\.(\w+\.)?(debian|ubuntu)\.(org|com)"
)
HOMES = re.compile(r"(?<![\w.~])/(root|home|work|Users)/\w")


def written() -> list[str]:
    """The files that people wrote; what tools leave is hidden, or named as .gitignore says."""
    left = [line.strip("/*") for line in (ROOT / ".gitignore").read_text().split() if not line.startswith(".")]
    paths = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
    plain = [path for path in paths if path.parts[0] == ".ci" or not path.parts[0].startswith(".")]
    return [str(path) for path in plain if not any(part.endswith(name) for part in path.parts for name in left)]


def test_no_module_is_named_like_the_standard_librarys() -> None:
    shadowing = [relative(path) for path in MODULES if path.stem in sys.stdlib_module_names]
    assert [*shadowing, *(layer for layer in LAYERS if layer in sys.stdlib_module_names)] == []


def test_the_top_holds_only_what_belongs_there() -> None:
    assert {name.partition("/")[0] for name in written()} <= FOLDERS | FILES | {".ci"}


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_each_folder_has_a_readme(folder: str) -> None:
    readme = ROOT / folder / "README.md"
    assert readme.is_file()
    assert readme.read_text().startswith("# ")


def test_no_registry_is_named() -> None:
    assert places(REGISTRIES) == []


def test_no_path_of_one_machine_is_named() -> None:
    assert places(HOMES) == []


def places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}"
        for name in written()
        if name not in {relative(Path(__file__)), "LICENSE"}
        for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_every_module_and_public_name_says_what_it_is() -> None:
    silent = [f"{relative(path)}: {name}" for path in MODULES for name in undocumented(parsed(path))]
    assert silent == []


def undocumented(tree: ast.Module) -> list[str]:
    """Public functions and classes of a module, and itself, that have no docstring."""
    named = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    silent = [node.name for node in named if not node.name.startswith("_") and not ast.get_docstring(node)]
    return silent if ast.get_docstring(tree) else ["the module", *silent]


def test_functions_are_short() -> None:
    long = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 50
    ]
    assert long == []
