"""Doing what a signed command file asks for (`review.commands`): remove, withdraw, give back, decide; with its outcome.

A file is run at most once: before anything is done, a record named for its signed text is laid in the site's
`spool/commands`, and who finds one there does nothing. A death in between leaves commands that were never run, which
their sender sees in /status, and may sign anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from daemons.receiving.withdrawing import withdraw
from daemons.sites import Site
from daemons.steering import jobs
from daemons.steering.choosing import choose
from queues import atomic, envelope, names
from queues.problem import Problem
from queues.rooms import Room
from queues.spool import Queue
from queues.values import Upload
from review import commands, sets
from review.commands import Order, Orders
from review.desk import Desk
from review.facts import Facts
from review.person import Reviewer, Uploader
from review.refusal import Refusal
from review.verdicts import Obeyed, Refused

RULE = "commands"
OVER = (Room.REJECTED, Room.FAILED, Room.DONE)


class CannotBeDone(Problem):
    """Why one command was not done."""


class Orderly:
    """Runs the command files of a site."""

    def __init__(self, site: Site, facts: Facts) -> None:
        self._site = site
        self._facts = facts
        self._ran = site.spool.commands
        self._desk = Desk(site.spool, site.people, site.settings.suites, site.settings.policies)

    def run(self, area: Path, name: str, account: str, now: datetime) -> Obeyed | Refused:
        """Run a command file that was closed, and remove it."""
        try:
            with self._site.spool.lock(f"area-{account}"):
                data = sets.read(area / name)
                atomic.remove(area / name)
            orders = commands.read(data, name, account, self._facts, now)
            self._remember(orders, name, account, now)
        except Refusal as refusal:
            return Refused(name, refusal.rule, refusal.reason)
        done = [self._outcome(order, area, account, now) for order in orders.given]
        said = "\n".join(f"{order}: {words}" for order, (_, words) in zip(orders.given, done, strict=True))
        if all(well for well, _ in done):
            return Obeyed(name, said)
        return Refused(name, RULE, f"{name}: not everything could be done\n{said}")

    def prune(self, now: datetime) -> None:
        """Forget the files whose signatures are too old to be taken again."""
        oldest = now - self._facts.max_age - timedelta(days=1)
        for path in self._ran.iterdir() if self._ran.is_dir() else ():
            if path.stat().st_mtime < oldest.timestamp():
                atomic.remove(path)

    def _remember(self, orders: Orders, name: str, account: str, now: datetime) -> None:
        atomic.make(self._ran)
        line = f"{now.isoformat()} {name} signed by {orders.signer}, sent by {account}\n"
        try:
            atomic.disk.create(self._ran / orders.verified.identity, line.encode())
        except FileExistsError:
            raise Refusal("replay", f"{name}: these signed commands were run before; sign new ones") from None
        atomic.disk.sync(self._ran)

    def _outcome(self, order: Order, area: Path, account: str, now: datetime) -> tuple[bool, str]:
        try:
            return True, self._done(order, area, account, now)
        except Problem as problem:
            return False, str(problem)

    def _done(self, order: Order, area: Path, account: str, now: datetime) -> str:
        match order.verb, order.by:
            case "rm", _:
                return self._remove(order.words, area, account)
            case "cancel", Uploader() as signer:
                return self._cancel(order.words[0], signer)
            case "give-back", Uploader() as signer:
                return self._give_back(order.words, signer)
            case "accept", Reviewer() as judge:
                return f"accepted for {self._desk.accept(order.words[0], judge.name, now).suite}"
            case "reject", Reviewer() as judge:
                self._desk.reject(order.words[0], judge.name, " ".join(order.words[1:]), now)
                return "rejected; its uploader is told"
        raise CannotBeDone(f"{order.by.name} cannot give this command")

    def _remove(self, patterns: Iterable[str], area: Path, account: str) -> str:
        with self._site.spool.lock(f"area-{account}"):
            here = sorted(path.name for path in area.iterdir() if path.is_file() and not path.name.startswith("."))
            found = commands.chosen([*patterns], here)
            gone = sorted({name for meant in found.values() for name in meant})
            for name in gone:
                atomic.remove(area / name)
        removed = f"removed {', '.join(gone)}" if gone else "removed nothing"
        nothing = [pattern for pattern, meant in found.items() if not meant]
        if nothing:
            raise CannotBeDone(f"{removed}; no unfinished file of {account} is called {', '.join(nothing)}")
        return removed

    def _cancel(self, wanted: str, signer: Uploader) -> str:
        queue, room, upload = self._theirs(wanted, signer)
        said = withdraw(self._site, upload.key, signer.name)
        if not said:
            raise CannotBeDone(f"it is in {queue.name}/{room}, where it cannot be withdrawn (at this moment)")
        return said

    def _give_back(self, words: tuple[str, ...], signer: Uploader) -> str:
        wanted, architecture = words[0], words[1] if len(words) > 1 else ""
        _, _, upload = self._theirs(wanted, signer)
        queues = [queue for queue in self._site.spool.builds() if architecture in ("", queue.name.partition("/")[2])]
        places = choose(self._site.spool, upload.key, queues, (Room.FAILED,), "is a build that failed")
        for place in places:
            jobs.give_back(self._site.spool, place, signer.name, "asked by its uploader")
        return f"built again: {', '.join(names.split(place.name.key).part for place in places)}"

    def _theirs(self, wanted: str, signer: Uploader) -> tuple[Queue[Upload], Room, Upload]:
        """Find the one upload that is meant and still on its way. Raises CannotBeDone."""
        found = self._meant(wanted)
        theirs = [one for one in found if commands.may_order(signer, one[2])]
        going = [one for one in theirs if one[1] not in OVER] or theirs[-1:]
        if len(going) == 1:
            return going[0]
        if going:
            raise CannotBeDone(f"it means several uploads: {', '.join(upload.key for _, _, upload in going)}")
        if found:
            raise CannotBeDone(f"it is not {signer.name}'s: {found[-1][2].uploader} sent it")
        raise CannotBeDone("no such upload; name its .changes, or source_version (files in /incoming: rm)")

    def _meant(self, wanted: str) -> list[tuple[Queue[Upload], Room, Upload]]:
        found = []
        for queue in self._site.spool.uploads():
            for room in queue.rooms:
                for name in queue.names(room) if room not in (Room.TMP, Room.PARTS, Room.CORRUPT) else ():
                    if wanted in _called(name.key):
                        with suppress(FileNotFoundError, envelope.Unreadable):
                            found.append((queue, room, queue.peek(room, name)))
        return found


def _called(key: names.Key) -> tuple[str, ...]:
    """Give the names by which an upload may be meant."""
    parts = names.split(key)
    if parts.part:
        return ()
    short = f"{parts.source}_{names.without_epoch(parts.version)}"
    return key, f"{parts.source}_{parts.version}", short, f"{short}_source.changes", parts.source
