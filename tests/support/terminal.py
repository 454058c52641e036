"""A real terminal with a program in it: tmux(1), of 80 columns and 24 rows, typed into and read."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.tools import run

PATIENCE = 60  # seconds
LOOK = 0.1


class Terminal:
    """One terminal; `socket` is a path that no other has."""

    def __init__(self, socket: Path, argv: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> None:
        self._tmux = ("tmux", "-f", "/dev/null", "-S", str(socket))
        settings = [word for name, value in (variables or {}).items() for word in ("-e", f"{name}={value}")]
        command = f"exec {shlex.join(map(str, argv))}"
        self._say("new-session", "-d", "-x", "80", "-y", "24", *settings, command)
        self._say("set-option", "-g", "remain-on-exit", "on")
        program = os.pidfd_open(int(self._say("display-message", "-p", "#{pane_pid}")))
        self._program = os.fdopen(program, "rb", buffering=0)  # readable when it has ended

    def type(self, *keys: str) -> None:
        """Type keys, by tmux's names for them."""
        self._say("send-keys", *keys)

    def write(self, text: str) -> None:
        """Type a text as it stands."""
        self._say("send-keys", "-l", text)

    def seen(self, *, escapes: bool = False) -> str:
        """Give what is on the screen; with the escapes that colour it if wanted."""
        return self._say("capture-pane", "-p", *(["-e"] if escapes else []))

    def wait(self, words: str) -> str:
        """Wait until words are on the screen, and give it."""
        return self._until(words, there=True)

    def wait_gone(self, words: str) -> str:
        """Wait until words are on the screen no more, and give it."""
        return self._until(words, there=False)

    def wait_ended(self) -> None:
        """Wait until the program has ended. The kernel says it: tmux, under load, may leave a zombie unnoticed."""
        assert select.select([self._program], [], [], PATIENCE)[0], f"the program does not end:\n{self.seen()}"

    def kill(self) -> None:
        """Let the program die at once, as when the machine does."""
        self._say("run-shell", f"kill -{signal.SIGKILL.value} #{{pane_pid}}")

    def close(self) -> None:
        """Close the terminal: its program hears of it by SIGHUP."""
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)
        self._program.close()

    def _until(self, words: str, *, there: bool) -> str:
        deadline = time.monotonic() + PATIENCE
        while (words in (screen := self.seen())) is not there:
            verb = "come" if there else "go"
            assert time.monotonic() < deadline, f"'{words}' does not {verb}:\n{screen}"
            time.sleep(LOOK)
        return screen

    def _say(self, *words: str) -> str:
        return run([*self._tmux, *words]).output
