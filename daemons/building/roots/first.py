"""Process 1 of an environment, as who started it sees it: started, told what to make, asked, ended.

It may be started before it is known what for: until it is told, it is an interpreter in empty namespaces, and neither a
base nor anything of a package is in it. It ends with the thread that started it, or when its input closes, and with it
all that is inside.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress

import msgspec

from daemons.building.environment import Broken
from daemons.building.roots import cgroups, entering, keyring
from daemons.building.roots.contents import Description

_PATIENCE = 60.0  # seconds for process 1 to answer
_FORMAT = 2  # of marshal: any Python reads it


class First:
    """The first process of one environment; `pid` is its number as this machine knows it, once it is ready.

    `group` is the control group of all that is inside.
    """

    def __init__(self) -> None:
        """Start it. Raises OSError."""
        keyring.renew()
        self.pid = ""
        self.group = cgroups.make()
        self._process = subprocess.Popen(
            self.group.joining(entering.making()),
            cwd="/",
            env=entering.OUTSIDE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def lives(self) -> bool:
        """Say whether it has not ended."""
        return self._process.poll() is None

    def make(self, description: Description) -> None:
        """Let it make the root, once. Raises Broken."""
        self._tell(marshal.dumps(msgspec.to_builtins(description, builtin_types=(bytes,)), _FORMAT))
        word, _, self.pid = self._answer().partition(" ")
        if word != "ready":
            said, self.pid = f"{word} {self.pid}", ""
            raise Broken(f"{description.base}: an environment cannot be made: {self._complaint(said)}")

    def seal(self) -> None:
        """Let it end every other process inside, and hide what only the installation may see. Raises Broken."""
        self._tell(b"seal\n")
        if self._answer() != "sealed":
            raise Broken("an environment has ended before its time")

    def end(self) -> None:
        """End it by closing its input, and wait until the kernel has ended all others."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._kill()
        self._process.stdout.close()
        self.group.remove()

    def _tell(self, octets: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # why it ended is in its answer
            self._process.stdin.write(octets)
            self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], _PATIENCE)[0]:
            self._kill()
            raise Broken("an environment did not answer")
        return self._process.stdout.readline().decode(errors="replace").strip()

    def _complaint(self, first: str) -> str:
        assert self._process.stdout is not None
        said = f"{first}\n{self._process.stdout.read().decode(errors='replace')}".strip()
        return said.splitlines()[-1] if said else "it ended without a word"

    def _kill(self) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(int(self.pid), signal.SIGKILL)
        self._process.kill()
        self._process.wait()


Start = Callable[[], First]  # gives one that nobody has used
