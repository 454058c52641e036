"""Which build a person means, what its log says that it found around it, and its sources."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from daemons import buildlogs
from daemons.building.byhand import likeness
from daemons.building.byhand.likeness import Likeness
from daemons.sites import Site
from daemons.steering.choosing import Place, known
from daemons.steering.jobs import wished
from queues import history
from queues.entry import FILES
from queues.names import split
from queues.problem import Problem
from queues.rooms import Room
from queues.values import BuildJob


class NoFormer(Problem):
    """A build that cannot be looked at again; says why, and which can."""


class Former(Struct, frozen=True):
    """A build that was begun: its job, where its sources are, and what it found."""

    job: BuildJob
    sources: Path
    seen: Likeness


def find(site: Site, name: str, architecture: str | None) -> Former:
    """Find a build by the name of its upload or its own. Raises NoFormer, NotThere."""
    place = _one(name, architecture, [one for one in known(site.spool, name) if one.queue.name.startswith("build/")])
    if place.month:
        raise NoFormer(f"{place.name.key}: it was put away in {place.month}, and its sources with it")
    log = buildlogs.kept(site.logs, place.name.key)
    try:
        with buildlogs.opened(log) as lines:
            seen = likeness.read(lines)
    except FileNotFoundError:
        raise NoFormer(f"{place.name.key}: it has no log yet, so it was not built; it is in {place}") from None
    if seen is None:
        raise NoFormer(f"{log}: that build had no environment; the log says why")
    job = wished(place.queue.peek(place.room, place.name), history.read(place.path))
    sources = place.path / FILES
    for file in job.files:
        if not (sources / file.name).exists():
            raise NoFormer(f"{sources / file.name}: the source is not kept any more; it is kept of builds that failed")
    return Former(job, sources, seen)


def _one(name: str, architecture: str | None, places: list[Place]) -> Place:
    """Choose one build; of several, the only one that failed."""
    if architecture is not None:
        places = [place for place in places if split(place.name.key).part == architecture]
    failed = [place for place in places if place.room is Room.FAILED and not place.month]
    chosen = failed if len(places) > 1 and len(failed) == 1 else places
    if not chosen:
        on = f" on {architecture}" if architecture else ""
        raise NoFormer(f"nothing of '{name}' was built{on}; 'debmill why {name}' says where it stands")
    if len(chosen) > 1:
        keys = ", ".join(f"'{place.name.key}'" for place in chosen)
        raise NoFormer(f"'{name}' means several builds, choose by --arch, or name one of them: {keys}")
    return chosen[0]
