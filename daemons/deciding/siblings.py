"""The builds of a set as they stand: which of them a job waits for, and what it sees of what they made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from daemons.building.environment import LocalArchive
from daemons.building.layers import loose
from daemons.deciding import ordering, sets, wanting
from daemons.deciding.asking import PLAN, RELEASE
from daemons.deciding.ordering import State, Task
from daemons.deciding.wanting import ALL
from daemons.sites import Site
from daemons.telling.meaning import DEP_WAIT, cause
from queues import envelope, history
from queues.entry import FILES
from queues.history import Event
from queues.names import EntryName, Key, part_key
from queues.rooms import Room
from queues.values import BuildJob, Plan, Set
from review import planning, together
from review.together import Found

DIRECTORY = "siblings"  # in a job's entry while it is built: the archive of what the others of its set made
SEEN = "siblings"  # the fact of `dep-wait`: which parts of the others there were
_TRIES = 5  # at uploads that move on while they are read
_OUT = ("lost", "published")  # whom nobody waits for


class Siblings:
    """One look, however many jobs are asked about in it: the rooms are listed, and each set is read, once."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._known: dict[Set, dict[Key, list[Task]]] = {}
        self._rooms: dict[str, dict[Key, tuple[Room, EntryName]]] = {}

    def waits_for(self, job: BuildJob) -> str:
        """Say which builds of its set a job waits for; empty when none, or when it is of no set."""
        blockers = ordering.blockers(part_key(job.upload, job.architecture), self._tasks(job.upload))
        return ", ".join(map(_in_words, blockers))

    def parts(self, job: BuildJob) -> list[EntryName] | None:
        """Name what is built of the others of a job's set and may be installed where it is built; None without one."""
        tasks, sees = self._tasks(job.upload), (self.site.suite(job.suite).builds_on(job.architecture), ALL)
        keys = [task.key for task in tasks if task.upload != job.upload and task.architecture in sees]
        return [self._parts[key] for key in keys if key in self._parts] if tasks else None

    def are_others(self, job: BuildJob, events: Sequence[Event]) -> bool:
        """Say whether a job that missed something, as its history says, would see other parts of its set now."""
        before = events[-1].facts.get(SEEN)
        return before is not None and seen(self.parts(job)).get(SEEN) != before

    def archives(self, job: BuildJob, found: Sequence[EntryName], into: Path) -> list[LocalArchive]:
        """Make parts an archive in a new directory; none of nothing. Raises what `loose.lay` does."""
        parts, room = self.site.spool.parts, Room.PARTS
        built = [(parts.peek(room, name), parts.where(room, name) / FILES) for name in found]
        return [loose.lay(into, built, self.site.suite(job.suite).builds_on(job.architecture))] if built else []

    def _tasks(self, upload: Key) -> list[Task]:
        """Give the builds of the set of an upload, the oldest upload first; none when it is of no set.

        Those of members that are lost or published are left out. Raises FileNotFoundError when they never stand still.
        """
        for _ in range(_TRIES - 1):
            with suppress(FileNotFoundError):
                return self._looked_at(upload)
        return self._looked_at(upload)

    def _looked_at(self, upload: Key) -> list[Task]:
        found = self.site.spool.master.find(upload)
        path = self.site.spool.master.where(*found) if found else None
        bond = together.of(path) if path else None
        if path is None or bond is None:
            return []
        if bond not in self._known:
            self._known[bond] = {key: [*self._of_member(key, bond)] for key in bond.members}
        company = {upload, *sets.others(upload, bond, history.read(path))}
        return [task for key, tasks in self._known[bond].items() if key in company for task in tasks]

    def _of_member(self, key: Key, bond: Set) -> Iterator[Task]:
        found = together.member(self.site.spool, key, bond, self._places)
        if found is None or sets.stand(self.site.spool, key, bond, {key: found}).stands in _OUT:
            return
        queue, room, entry = found
        path, upload = queue.where(room, entry), queue.peek(room, entry)
        suite, name = self.site.suite(upload.suite), next(ref.name for ref in upload.files if ref.name.endswith(".dsc"))
        data = (path / FILES / name).read_bytes()
        plan = envelope.read(path, Plan, PLAN) if (path / PLAN).exists() else None
        must = plan.required if plan and not (path / RELEASE).exists() else ()
        for one in plan.architectures if plan else planning.architectures(path / FILES, upload, suite):
            state = "over" if queue.name == "archive" else self._state(part_key(key, one), one, must=one in must)
            made, wanted = wanting.made(data, name, one), wanting.wanted(data, one)
            yield Task(part_key(key, one), key, one, made, wanted, (suite.builds_on(one), ALL), state)

    def _state(self, key: Key, architecture: str, *, must: bool) -> State:
        if key in self._parts:
            return "over"
        room, name = self._jobs(architecture).get(key, (Room.TMP, None))
        if room is Room.FAILED:
            return "failed" if must else "over"
        if room is Room.WAITING and name is not None:
            last = cause(room, history.read(self.site.spool.build(architecture).where(room, name)))
            return "tried" if last and last.event == DEP_WAIT else "open"
        return "over" if room is Room.DONE else "open"

    @cached_property
    def _places(self) -> Mapping[Key, Found]:
        return together.places(self.site.spool)

    @cached_property
    def _parts(self) -> Mapping[Key, EntryName]:
        return {name.key: name for name in self.site.spool.parts.names(Room.PARTS)}

    def _jobs(self, architecture: str) -> Mapping[Key, tuple[Room, EntryName]]:
        if architecture not in self._rooms:
            queue = self.site.spool.build(architecture)
            rooms = [room for room in queue.rooms if room is not Room.TMP] * 2  # so that one on the move is seen
            self._rooms[architecture] = {name.key: (room, name) for room in rooms for name in queue.names(room)}
        return self._rooms[architecture]


def seen(found: Sequence[EntryName] | None) -> dict[str, str]:
    """Name parts as a fact of a history, to see later whether there are others; nothing without a set."""
    return {} if found is None else {SEEN: " ".join(sorted(name.key for name in found)) or "none"}


def _in_words(task: Task) -> str:
    failed = ", which failed" if task.state == "failed" else ""
    return f"{together.in_words(task.upload)} on {task.architecture}{failed}"
