"""`debmill queue`: an operator's hands in the queues, all through the transitions that daemons use."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence

import click
import msgspec
from rich.table import Table

from daemons.command.tables import console
from daemons.command.words import words_of
from daemons.sites import Site, pass_site
from daemons.steering import jobs, operating
from daemons.steering.cancelling import Cancel
from daemons.steering.choosing import NotThere, Place, choose, road, within
from daemons.telling.overview import age
from queues import names
from queues.names import moment
from queues.rooms import Room
from queues.values import Option, Profile

OVER = (Room.DONE, Room.FAILED, Room.REJECTED)
FAILED = (Room.FAILED, Room.HOLD)
as_person = click.option("--as", "person", metavar="WHO", help="Who does it; else the user.")
of_architecture = click.option("--arch", metavar="ARCH", help="Only this architecture's job.")


class Line(msgspec.Struct, frozen=True):
    """One entry: its place, its name, and since when it is in the queue (UTC)."""

    queue: str
    room: str
    entry: str
    source: str
    version: str
    part: str
    since: str


@click.group()
def command() -> None:
    """List, hold, release, give back, cancel and raise what is in the queues.

    NAME is a source, source_version, or an id of an upload or a job, as 'debmill why' takes it; one upload at a time.
    """


@command.command("list")
@click.argument("queue", required=False)
@click.option("--all", "every", is_flag=True, help="Show what is over, too: done, failed, rejected.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: queue, room, entry, source, version, part, since.")
@pass_site
def list_entries(site: Site, queue: str | None, every: bool, as_json: bool) -> None:
    """List the entries of QUEUE (review, master, build, build/ARCH, archive, notices), or of all, in their order."""
    queues = [*road(site.spool), site.spool.notices]
    known = [one.name for one in queues]
    if queue is not None and queue not in (*known, "build"):
        raise NotThere(f"there is no queue '{queue}'; there are: {', '.join(known)}, and 'build' for all to be built")
    places = [place for place in within(*queues) if every or place.room not in OVER]
    wanted = [place for place in places if queue is None or f"{place.queue.name}/".startswith(f"{queue}/")]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([_line(place) for place in wanted])).decode())
    else:
        console().print(_table(site, wanted))


@command.command()
@click.argument("name")
@click.option("--reason", "-m", default="no reason given", help="What 'debmill why' says.")
@as_person
@pass_site
def hold(site: Site, name: str, reason: str, person: str | None) -> None:
    """Put everything of NAME that waits aside, until it is released."""
    _say("is held", operating.hold(site.spool, name, _who(person), reason))


@command.command()
@click.argument("name")
@as_person
@pass_site
def release(site: Site, name: str, person: str | None) -> None:
    """Put what is held of NAME back to where it came from."""
    _say("is back", operating.release(site.spool, name, _who(person)))


@command.command("raise")
@click.argument("name")
@as_person
@pass_site
def raise_entries(site: Site, name: str, person: str | None) -> None:
    """Put what is ready of NAME before all others of its queue."""
    _say("is the first", operating.move_up(site.spool, name, _who(person)))


@command.command("give-back")
@click.argument("name")
@of_architecture
@click.option("--reason", "-m", default="no reason given", help="What 'debmill why' says.")
@click.option("--options", metavar="WORDS", type=words_of(Option), help="DEB_BUILD_OPTIONS instead of the suite's.")
@click.option("--profiles", metavar="WORDS", type=words_of(Profile), help="DEB_BUILD_PROFILES instead of the suite's.")
@as_person
@pass_site
def give_back(
    site: Site,
    name: str,
    arch: str | None,
    reason: str,
    person: str | None,
    options: tuple[str, ...] | None,
    profiles: tuple[str, ...] | None,
) -> None:
    """Build the failed or held jobs of NAME again, as long as their upload waits at the gate or is withheld by it.

    With --options 'nocheck', say, this job is built without its tests, and so it is if it is given back once more;
    '' is none.
    """
    given = {"options": options, "profiles": profiles}
    wishes = {what: " ".join(words) for what, words in given.items() if words is not None}
    for place in _jobs(site, name, FAILED, "is a build that failed or is held", arch):
        jobs.give_back(site.spool, place, _who(person), reason, **wishes)
        click.echo(f"{place.name.key} waits to be built again")


@command.command()
@click.argument("name")
@of_architecture
@click.option("--reason", "-m", default="no reason given", help="What the uploader is told.")
@as_person
@pass_site
def cancel(site: Site, name: str, arch: str | None, reason: str, person: str | None) -> None:
    """Cancel the jobs of NAME that wait or run; they have failed, and their uploader is told by whom."""
    why = Cancel(_who(person), reason)
    for place in _jobs(site, name, jobs.UNFINISHED, "is waiting to be built, or being built", arch):
        room = jobs.cancel(site, place, why)
        click.echo(f"{place.name.key} {CANCELLED.get(room, 'has ended before it could be cancelled')}")


CANCELLED: dict[Room | None, str] = {
    Room.FAILED: "is cancelled",
    Room.ACTIVE: "is cancelled as soon as its builder hears it; 'debmill status' says whether it runs",
}


def _jobs(site: Site, name: str, rooms: Sequence[Room], what: str, arch: str | None) -> list[Place]:
    """Give the build jobs that are meant. Raises NotThere."""
    queues = site.spool.builds() if arch is None else [site.spool.build(arch)]
    return choose(site.spool, name, queues, rooms, what)


def _who(person: str | None) -> str:
    return person or os.environ.get("SUDO_USER") or getpass.getuser()


def _say(what: str, places: Sequence[Place]) -> None:
    for place in places:
        click.echo(f"{place.name.key} {what} in {place}")


def _line(place: Place) -> Line:
    parts = names.split(place.name.key)
    entered = moment(place.name.stamp).isoformat(timespec="seconds")
    return Line(place.queue.name, place.room, str(place.name), parts.source, parts.version, parts.part, entered)


def _table(site: Site, places: Sequence[Place]) -> Table:
    now, table = site.spool.clock(), Table("queue", "room", "age", "entry")
    for place in places:
        waited = age((now - moment(place.name.stamp)).total_seconds())
        table.add_row(place.queue.name, place.room, waited, place.name.key)
    return table
