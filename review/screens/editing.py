"""Text written in a reviewer's own editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from queues.problem import Problem

RESTRICTED = "rnano"  # rnano(1) starts no program and opens no other file


class NoEditor(Problem):
    """No editor that may be started here."""


def editor() -> list[str]:
    """Say what to start. Raises NoEditor.

    Who came by sudo(8) may decide on uploads, and nothing else: an editor that starts a shell would give them all that
    the service account may.
    """
    if "SUDO_USER" in os.environ:
        found = shutil.which(RESTRICTED)
        if found is None:
            raise NoEditor(f"across sudo only {RESTRICTED} is started, and it is not installed: write on the line here")
        return [found]
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "editor")
    if not words or shutil.which(words[0]) is None:
        raise NoEditor(f"{words[0] if words else 'no editor'} is not there: set EDITOR, or write on the line here")
    return words


def edited(text: str) -> str:
    """Let a text be edited on the terminal, which must be free for it. Raises NoEditor."""
    argv = editor()
    with tempfile.TemporaryDirectory(prefix="debmill-") as directory:
        file = Path(directory) / "text"
        file.write_text(text)
        if subprocess.run([*argv, file], check=False).returncode != 0:
            return text
        return file.read_text(errors="replace").strip()
