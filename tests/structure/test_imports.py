"""Who may import whom, and who alone imports a library."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest

from tests.structure.tree import LAYERS, MODULES, ROOT, imported, relative

# A library, and the one module or sub-package that imports it.
IMPORTERS = {
    "cryptography": "archive/ed25519.py",
    "pysequoia": "archive/openpgp.py",
    "paramiko": "daemons/intake/",
    "debian": "queues/control.py",
    "pygments": "review/screens/colouring.py",
    "textual": "review/screens/",
    "watchdog": "queues/watching.py",
}


def test_no_import_runs_against_the_layers() -> None:
    script = (
        "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command(['--no-cache']))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


@pytest.mark.parametrize("library", IMPORTERS)
def test_a_library_has_one_importer(library: str) -> None:
    users = {relative(path) for path in MODULES if library in {name.partition(".")[0] for name in imported(path)}}
    assert {user for user in users if not user.startswith(IMPORTERS[library])} == set()
    assert users, f"nobody imports {library}: is it needed?"


def test_every_dependency_is_declared() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    declared = {re.split(r"[<>=!~ ]", requirement)[0].lower() for requirement in asked}
    brings = metadata.packages_distributions()
    undeclared = {
        (relative(path), name)
        for path in MODULES
        for name in {name.partition(".")[0] for name in imported(path)} - sys.stdlib_module_names - {*LAYERS}
        if not declared & {owner.lower() for owner in brings.get(name, [])}
    }
    assert undeclared == set()


def test_no_distribution_brings_a_package_named_like_ours() -> None:
    ours = {*LAYERS, "tests"}
    clashing = {
        name: owners
        for name, owners in metadata.packages_distributions().items()
        if name in ours and set(owners) != {"debmill"}
    }
    assert clashing == {}
