"""Where the demo's site is, and clearing the way for it: it replaces a site of the demo and refuses anything else."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

from etc.demonstration.screen import Screen
from tests.support.mill import Mill
from tests.support.road import LABEL
from tests.support.tools import ToolFailed

ACCOUNT = "debmill"
REACHABLE = Path("/var/lib/debmill/sites")


class NotOurs(RuntimeError):
    """The directory holds something that the demo did not make, or a site that runs; says what to do."""


def clear(asked: Path, screen: Screen) -> Path:
    """Make room for a site at the directory asked for, and give the path to use. Raises NotOurs."""
    path = asked.absolute()
    if path.is_symlink() or path.exists():
        _check_ours(path)
        shutil.rmtree(path.resolve(), ignore_errors=True)
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    closed = _closed_parent(path) if os.geteuid() == 0 else None
    if closed:
        real = REACHABLE / f"{path.name.lstrip('.')}-{sha256(bytes(path)).hexdigest()[:8]}"
        shutil.rmtree(real, ignore_errors=True)
        path.symlink_to(real)
        screen.say(f"The account {ACCOUNT} may not enter {closed}: the site is {real}, and {path} is a link to it.")
    return path


def _check_ours(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        return
    if not path.is_dir():
        raise NotOurs(f"{path} is not a directory: name another one with --site")
    settings = path / "debmill.toml"
    ours = settings.is_file() and f'label = "{LABEL}"' in settings.read_text()
    if any(path.iterdir()) and not ours:
        raise NotOurs(f"{path} is not empty, and no site of the demo: name another directory with --site")
    if ours and _runs(path):
        raise NotOurs(f"the daemons of {path} run: stop them first, or name another directory with --site")


def _runs(path: Path) -> bool:
    try:
        return any(one["state"] != "dead" for one in Mill(path).daemons().values())
    except ToolFailed:
        return False


def _closed_parent(path: Path) -> Path | None:
    """Find the first directory above that the service account may not enter."""
    for parent in reversed(path.parents):
        entered = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups", "test", "-x", str(parent)]
        if subprocess.run(entered, check=False).returncode != 0:
            return parent
    return None
