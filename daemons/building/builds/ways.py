"""The ways to build: by debmill itself, or by sbuild; one contract for both, the whole of a build."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Protocol

from daemons.building.builds import build
from daemons.building.builds.build import Settings
from daemons.building.builds.outcomes import Outcome
from daemons.building.layers.installing import Layered
from daemons.building.sbuild import sbuild
from queues.clock import Clock
from queues.values import BuildJob, Builds


class Way(Protocol):
    """A way to build a job; what is asked of it is said at `build.build`."""

    def __call__(self, job: BuildJob, sources: Path, out: Path, clock: Clock, settings: Settings, /) -> Outcome:
        """Build."""


def way(name: Builds, layered: Layered) -> Way:
    """Give the way of this name over a base."""
    if name == "sbuild":
        return partial(build.build, sbuild.Sbuild(layered), steps=sbuild.STEPS)
    return partial(build.build, layered)
