"""Lintian for the sandbox: in a layer over a base, as build dependencies are, for no base has it; and one run of it.

The layer is made once for each base, from the base's own sources alone. Where it cannot be had, the evidence says why.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from daemons.building.bases.base import Base
from daemons.building.environment import Broken, DepWait, Environment, Limits, Unavailable
from daemons.building.layers import resolving
from daemons.building.layers.installing import Keeping, Layered, Needs
from daemons.building.layers.store import Layer
from daemons.building.roots.following import Watch
from queues.clock import Clock

PATIENCE = 1800.0  # seconds before what could not be had is tried again
LONGEST = 4 << 20  # bytes that lintian may say of one source
_NEEDS = Needs(resolving.needed(b"Build-Depends: lintian\n"), "arch")
_COMMAND = (
    "lintian",
    "--no-cfg",
    "--color",
    "never",
    "--show-overrides",
    "--display-info",
    "--pedantic",
    "--fail-on=none",
)
log = logging.getLogger(__name__)


class Said(Struct, frozen=True):
    """What lintian said of the new source and of the published one; `trouble`: why it said nothing, or not all."""

    new: str = ""
    old: str = ""
    trouble: str = ""


class Lintian:
    """Lintian over the bases of a cache."""

    def __init__(self, clock: Clock, keeping: Keeping, limits: Limits, watch: Watch) -> None:
        self._clock = clock
        self._keeping = keeping
        self._limits = limits
        self._watch = watch
        self._lacking: dict[Path, tuple[float, str]] = {}  # when to try again, and why

    def over(self, system: Base) -> tuple[Layer, ...] | str:
        """Give the layers in which it is, made now if need be; or say why it cannot be had."""
        later, why = self._lacking.get(system.path, (0.0, ""))
        if time.monotonic() < later:
            return why
        found = self._layers(system)
        if isinstance(found, str):
            self._lacking[system.path] = (time.monotonic() + PATIENCE, found)
            log.warning("%s", found)
        return found

    def _layers(self, system: Base) -> tuple[Layer, ...] | str:
        said, started = _Telling(system.path.name), time.monotonic()
        try:
            layered = Layered(system, (), self._clock, self._keeping, self._watch)
            found = layered.layers(_NEEDS, said, self._limits)
        except Broken as error:
            return f"lintian cannot be had for {system.path.name}: {error}"
        if isinstance(found, DepWait):
            return f"the sources of {system.path.name} have no lintian"
        if isinstance(found, Unavailable):
            return f"lintian cannot be had for {system.path.name}: {found.reason}"
        if said.told:
            log.info("lintian for %s is there after %.0f s", system.path.name, time.monotonic() - started)
        return found


class _Telling(io.BytesIO):
    """The log of an installation: of all that apt says, the service's log has that it began, and what is fetched."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.told = False

    def write(self, data: bytes) -> int:  # type: ignore[override]
        for line in data.decode(errors="replace").splitlines():
            if line.startswith(("Need to get", "Fetched", "Setting up lintian")):
                log.info("lintian is put into a layer over %s, once: %s", self.base, line)
                self.told = True
        return len(data)


def look(environment: Environment, new: Sequence[Path], old: Sequence[Path], limits: Limits) -> Said:
    """Let it look at two sources, given by their files with the .dsc first; `old` may be empty.

    Raises Broken when the machine failed.
    """
    environment.bring(list({path.name: path for path in (*old, *new)}.values()))
    before = _run(environment, old[0].name, limits) if old else Said()
    now = _run(environment, new[0].name, limits)
    trouble = now.trouble or (f"of the published version, {before.trouble}" if before.trouble else "")
    return Said(now.new, before.new, trouble)


def _run(environment: Environment, dsc: str, limits: Limits) -> Said:
    said = io.BytesIO()
    bounds = replace(limits, output=LONGEST)
    ended = environment.run([*_COMMAND, dsc], log=said, limits=bounds, variables={"LC_ALL": "C.UTF-8", "TZ": "UTC"})
    if ended.how == "killed":
        raise Broken("lintian was killed")
    text = said.getvalue().decode(errors="replace")
    if ended.how != "itself":
        return Said(text, trouble=f"lintian was stopped, for it reached a limit: {ended.how}")
    return Said(text, trouble="" if ended.well else f"lintian failed with status {ended.status}: {_last(text)}")


def _last(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "without a word")[:200]
