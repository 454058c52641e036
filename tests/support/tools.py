"""Running the real tools: one function, whose failure says what the tool said.

Never hides an exit status: a caller that expects a refusal asks for it with `check=False`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class ToolFailed(RuntimeError):
    """A tool is missing, or ended with another exit status than 0; the message holds its command and last lines."""


@dataclass(frozen=True)
class Ran:
    """What a tool said, both streams together in the order they came, and its exit status."""

    status: int
    output: str

    @property
    def last_line(self) -> str:
        """The last line that is not empty."""
        return next((line for line in reversed(self.output.splitlines()) if line.strip()), "")


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    check: bool = True,
    timeout: float = 600,
) -> Ran:
    """Run a tool to its end; `env` is added to ours. Raises ToolFailed."""
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as missing:
        raise ToolFailed(f"{missing.filename}: there is no such program or directory on this machine") from None
    ran = Ran(done.returncode, done.stdout.decode(errors="replace"))
    if check and ran.status != 0:
        command = " ".join(str(word) for word in argv)
        tail = "\n".join(ran.output.splitlines()[-15:])
        raise ToolFailed(f"{command}: exit status {ran.status}\n{tail}")
    return ran


def runs(*argv: object) -> bool:
    """Say whether a process of this command line is alive."""
    wanted = b"\0".join(str(word).encode() for word in argv) + b"\0"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == wanted:
                return True
        except OSError:
            continue
    return False
