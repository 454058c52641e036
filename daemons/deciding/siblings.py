"""The builds of a set as they stand: what each wants and makes, read from the uploads, and what is built of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from archive import dscfile
from daemons.building import loose
from daemons.building.environment import LocalArchive
from daemons.deciding import ordering, results, sets
from daemons.deciding.asking import PLAN, RELEASE
from daemons.deciding.ordering import State, Task
from daemons.sites import Site
from daemons.telling.meaning import DEP_WAIT, cause
from queues import control, envelope, history
from queues.entry import FILES
from queues.history import Event
from queues.names import Key, part_key
from queues.rooms import Room
from queues.values import BuildJob, BuildResult, Plan
from review import planning, together
from review.inspection import dsc
from review.together import Found

ALL = "all"
SEEN = "siblings"  # the fact of `dep-wait`: which parts of the others there were
DIRECTORY = "siblings"  # in a job's entry while it is built: the archive of what the others of its set made
_TRIES = 5  # at uploads that move on while they are read
Part = tuple[BuildResult, Path]


def waits_for(site: Site, job: BuildJob) -> str:
    """Say which builds of its set a job waits for; empty when none, or when it is of no set."""
    blockers = ordering.blockers(part_key(job.upload, job.architecture), _tasks(site, job.upload))
    return ", ".join(map(_in_words, blockers))


def parts(site: Site, job: BuildJob) -> list[Part] | None:
    """Give what is built of the others of a job's set and may be installed where it is built; None without a set."""
    tasks = _tasks(site, job.upload)
    uploads = dict.fromkeys(task.upload for task in tasks if task.upload != job.upload)
    sees = (site.suite(job.suite).builds_on(job.architecture), ALL)
    return [part for upload in uploads for part in results.parts(site.spool, upload, sees)] if tasks else None


def seen(found: list[Part] | None) -> dict[str, str]:
    """Name parts as a fact of a history, to see later whether there are others; nothing without a set."""
    keys = sorted(part_key(result.job.upload, result.job.architecture) for result, _ in found or ())
    return {} if found is None else {SEEN: " ".join(keys) or "none"}


def are_others(site: Site, job: BuildJob, events: Sequence[Event]) -> bool:
    """Say whether a job that misses something, as its history says, would see other parts of its set now."""
    before = events[-1].facts.get(SEEN)
    return before is not None and seen(parts(site, job)).get(SEEN) != before


def archives(site: Site, job: BuildJob, found: list[Part] | None, into: Path) -> list[LocalArchive]:
    """Make parts an archive in a new directory; none of nothing. Raises what `loose.lay` does."""
    architecture = site.suite(job.suite).builds_on(job.architecture)
    return [loose.lay(into, found, architecture)] if found else []


def _tasks(site: Site, upload: Key) -> list[Task]:
    """Give the builds of the set that an upload belongs to, the oldest upload first; none when it is of no set.

    Those of members that are lost or published are left out. Raises FileNotFoundError when they never stand still.
    """
    for _ in range(_TRIES - 1):
        with suppress(FileNotFoundError):
            return _looked_at(site, upload)
    return _looked_at(site, upload)


def _looked_at(site: Site, upload: Key) -> list[Task]:
    found = site.spool.master.find(upload)
    path = site.spool.master.where(*found) if found else None
    bond = together.of(path) if path else None
    if path is None or bond is None:
        return []
    mates = sets.mates(site.spool, upload, bond, history.read(path))
    company = {upload, *(mate.key for mate in mates if mate.stands not in ("lost", "published"))}
    members = [(key, together.member(site.spool, key, bond)) for key in bond.members if key in company]
    return [task for key, place in members if place for task in _of_member(site, key, place)]


def _in_words(task: Task) -> str:
    failed = ", which failed" if task.state == "failed" else ""
    return f"{together.in_words(task.upload)} on {task.architecture}{failed}"


def _of_member(site: Site, key: Key, found: Found) -> Iterator[Task]:
    queue, room, entry = found
    path, upload = queue.where(room, entry), queue.peek(room, entry)
    suite = site.suite(upload.suite)
    name = next(ref.name for ref in upload.files if ref.name.endswith(".dsc"))
    data = (path / FILES / name).read_bytes()
    made = dsc.read(data, name).packages
    fields = {field.lower(): value for field, value in control.paragraph(dscfile.paragraph(data)).items()}
    plan = envelope.read(path, Plan, PLAN) if (path / PLAN).exists() else None
    required = plan.required if plan and not (path / RELEASE).exists() else ()
    for architecture in plan.architectures if plan else planning.architectures(path / FILES, upload, suite):
        yield Task(
            part_key(key, architecture),
            key,
            architecture,
            frozenset(one.name for one in made if _is_made(one, architecture)),
            _wanted(fields, architecture),
            (suite.builds_on(architecture), ALL),
            "over"
            if found[0] is site.spool.archive
            else _state(site, key, architecture, must=architecture in required),
        )


def _is_made(package: dsc.Package, architecture: str) -> bool:
    said = package.architectures
    return not said or (ALL in said if architecture == ALL else said != (ALL,))


def _wanted(fields: dict[str, str], architecture: str) -> frozenset[str]:
    """Name the packages in the build dependencies of a `-B` or, for `all`, a `-A` build, whatever the conditions."""
    said = [
        fields.get(name, "")
        for name in ("build-depends", f"build-depends-{'indep' if architecture == ALL else 'arch'}")
    ]
    groups = [group for field in said if field.strip() for group in control.relations(field)]
    return frozenset(str(choice["name"]) for group in groups for choice in group)


def _state(site: Site, upload: Key, architecture: str, *, must: bool) -> State:
    spool, key = site.spool, part_key(upload, architecture)
    if any(name.key == key for name in spool.parts.names(Room.PARTS)):
        return "over"
    queue = spool.build(architecture)
    room, name = queue.find(key) or (Room.TMP, None)
    if room is Room.FAILED:
        return "failed" if must else "over"
    if room is Room.WAITING and name is not None:
        last = cause(room, history.read(queue.where(room, name)))
        return "tried" if last and last.event == DEP_WAIT else "open"
    return "over" if room is Room.DONE else "open"
