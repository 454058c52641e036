"""A site whose intake alone runs, with an uploader whose machines are real systems, and what became of an upload."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.crafted import craft
from tests.support.mill import place, remove_site
from tests.support.people import Person
from tests.support.road import UPLOADER, Road
from tests.support.sources import SourceUpload
from tests.support.systems import Machine, System


class Reception:
    """The site, and the folder in which uploads are made."""

    def __init__(self, road: Road, work: Path) -> None:
        self.road = road
        self.mill = road.mill
        self.work = work
        self.alice = road.maintainer
        self.area = road.site / "uploading" / UPLOADER
        self._printed = road.mill.json("uploader", "client", UPLOADER)
        self._people: list[Person] = []

    def machine(self, system: System, client: str) -> Machine:
        """A machine of the uploader's, set up for a client as the site's own command says."""
        return Machine(system, self.alice, self._printed, client)

    def craft(self, source: str, by: Person | None = None) -> SourceUpload:
        """Put a small upload together, signed by the uploader or somebody else."""
        folder = self.work / source
        folder.mkdir()
        orig = folder / f"{source}_1.0.orig.tar.xz"
        orig.write_bytes(f"the upstream of {source}\n".encode() * 20)
        return craft(source, by or self.alice, [orig])

    def stranger(self, name: str) -> Person:
        """Make a person whom the site does not know."""
        person = Person(name, self.work)
        self._people.append(person)
        return person

    def register(self, person: Person) -> None:
        """Register a person as uploader."""
        keys = ("--ssh-key", person.ssh_public, "--openpgp-key", person.certificate)
        self.mill("uploader", "add", person.name, *keys)

    def visible(self, upload: SourceUpload) -> list[str]:
        """The names of an upload's files that lie in the uploader's area, not taken."""
        return sorted(path.name for path in self.area.glob(f"{upload.source}_*"))

    def unfinished(self) -> list[Path]:
        """The files that are arriving."""
        return list(self.area.glob(".unfinished/*"))

    def taken(self, upload: SourceUpload) -> dict[str, str]:
        """The SHA256 of each file of an upload's entry in review, by name; empty when it is not there."""
        version = upload.version.replace(":", "%3a")
        entries = list((self.road.site / "spool/review/ready").glob(f"*.{upload.source}_{version}~*"))
        return digests(path for entry in entries for path in (entry / "files").iterdir())

    def wait(self, what: str, true: Callable[[], bool]) -> None:
        """Wait until something is true. Raises WaitedTooLong."""
        self.mill.wait(what, true, 60)

    def close(self) -> None:
        """Stop the intake and forget everybody's keys."""
        self.road.close()
        for person in self._people:
            person.close()


def digests(paths: Iterator[Path] | list[Path]) -> dict[str, str]:
    """The SHA256 of files by name, read in pieces."""
    found = {}
    for path in paths:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


@contextmanager
def reception(name: str, work: Path) -> Iterator[Reception]:
    """Make a site, start its intake, and remove it all in the end."""
    road = Road(place(f"test-{name}-{os.getpid()}"))
    try:
        road.make_site(("amd64",))
        road.mill.start(road.log, "intake")
        made = Reception(road, work)
        try:
            yield made
        finally:
            made.close()
    finally:
        road.close()
        remove_site(road.site)
