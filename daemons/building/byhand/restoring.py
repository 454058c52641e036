"""The environment that a former build saw, made again: its base, its dependency layer, its source unpacked.

A layer that is gone is made again of the same packages in the same versions, and only if these have the same content.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemons.building.bases import base
from daemons.building.bases.base import Base
from daemons.building.builds.recipe import tree, unpacking
from daemons.building.byhand.likeness import Likeness
from daemons.building.environment import DepWait, Limits, Log, Unavailable
from daemons.building.layers import resolving
from daemons.building.layers.installing import Layered, Needs
from daemons.building.layers.store import Layer
from daemons.building.roots.overlay import Overlay
from queues.problem import Problem
from queues.values import BuildJob


class Gone(Problem):
    """Something that a build found and that cannot be had any more; says what."""


def base_of(cache: Path, seen: Likeness) -> Base:
    """Give the base of a build. Raises Gone."""
    path = cache / seen.base
    if not path.is_dir():
        raise Gone(f"{path}: the base of that build was removed since; build again to see it fail on a newer one")
    return base.at(path)


@contextmanager
def restored(
    fresh: Layered, seen: Likeness, job: BuildJob, sources: Path, log: Log, limits: Limits
) -> Iterator[Overlay]:
    """Give the environment of a job's build, just before its build command. Raises Gone, Broken."""
    layers = _layers(fresh, seen, log, limits)
    with fresh.over(layers, sum(file.size for file in job.files), log, limits) as environment:
        environment.bring([sources / file.name for file in job.files])
        if not environment.run(unpacking(job), log=log, limits=limits).well:
            log.write(b"the source cannot be unpacked, as in that build\n")
            environment.run(["mkdir", "-p", tree(job)], log=log, limits=limits)
        yield environment


def _layers(fresh: Layered, seen: Likeness, log: Log, limits: Limits) -> tuple[Layer, ...]:
    if not seen.layer:
        return ()
    found = fresh.stores.layers.find(seen.layer)
    return (found,) if found else _again(fresh, seen, log, limits)


def _again(fresh: Layered, seen: Likeness, log: Log, limits: Limits) -> tuple[Layer, ...]:
    gone = f"the dependency layer {seen.layer} of that build was removed since"
    log.write(f"{gone}: installing the same packages again\n".encode())
    made = fresh.layers(Needs(resolving.exactly(seen.choice), "arch"), log, limits)
    match made:
        case DepWait(missing):
            raise Gone(f"{gone}, and these cannot be had any more: {missing}")
        case Unavailable(reason):
            raise Gone(f"{gone}, and cannot be made again now: {reason}")
    if [layer.key for layer in made] != [seen.layer]:
        raise Gone(
            f"{gone}, and what the archives hold now makes another one: a package has other content or needs more"
        )
    return made
