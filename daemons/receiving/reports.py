"""What an uploader reads below /status: the story of each recent upload of theirs, made when it is read.

Nothing is kept for it: names of entries, their histories, and what the intake last answered. Theirs is what their
account carried, whoever signed it; the account of an upload never changes, so it is read once and remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple

from archive import pool
from daemons.deciding import results
from daemons.intake.answers import safe
from daemons.receiving.answered import SUFFIX, Answered, report_of
from daemons.sites import Site
from daemons.telling import story
from daemons.telling.chapter import Chapter
from queues import envelope, history, names
from queues.layout import Spool
from queues.names import EntryName, Key
from queues.problem import Problem
from queues.rooms import Room
from queues.spool import Queue
from queues.values import Upload

RECENT = timedelta(days=30)
LAST_LINES = 20  # of a failed build's log
ELSEWHERE = (Room.TMP, Room.PARTS, Room.CORRUPT)
BACKSTAGE = (history.CLAIMED, history.RECOVERED)  # what came of a claim is the next event
WAITING = "\ndebmill: waiting "  # in an answer
UNTOLD = ("at", "event", "signed", "traceback")


class Sent(NamedTuple):
    """An upload of an account, where it was seen, and the report that tells of it."""

    queue: Queue[Upload]
    name: EntryName
    report: str


class Reports:
    """The reports of all accounts of a site."""

    def __init__(self, site: Site, answered: Answered) -> None:
        self._site = site
        self._spool: Spool = site.spool
        self._answered = answered
        self._carriers: dict[Key, str] = {}

    def names(self, uploader: str) -> dict[str, int]:
        """Name the reports, each with the time of its upload or answer; the newest first."""
        times = {one.report: one.name.stamp / 1e6 for one in self._sent(uploader)}
        for report, when in self._answered.times(uploader).items():
            times[report] = max(when, times.get(report, 0))
        return {report: int(times[report]) for report in sorted(times, key=lambda one: -times[one])}

    def read(self, uploader: str, name: str) -> bytes:
        """Tell what became of one upload, or of each upload of that name. Raises FileNotFoundError."""
        sent = {one.name.key: one for one in self._sent(uploader) if one.report == name}
        texts = [text for one in sent.values() for text in self._told(one)]
        said = self._answered.said(uploader, name)
        if said:
            texts.append(f"The intake's last answer, {said}{self._since(uploader, name, said)}")
        if not texts:
            raise FileNotFoundError(name)
        return "\n".join(texts).encode()

    def _since(self, account: str, report: str, said: str) -> str:
        """Say what an answer does not tell: that what waited was removed."""
        here = (self._site.uploading / account).glob("*.changes")
        if WAITING not in said or any(report_of(path.name) == report for path in here):
            return ""
        return "It waits no more: the .changes was removed.\n"

    def _sent(self, account: str) -> Iterator[Sent]:
        oldest = names.stamp(self._spool.clock() - RECENT)
        for queue in self._spool.uploads():
            for room in queue.rooms:
                for name in queue.names(room) if room not in ELSEWHERE else ():
                    if name.stamp >= oldest and self._carrier(queue, room, name) == account:
                        yield Sent(queue, name, report_name(name.key))

    def _carrier(self, queue: Queue[Upload], room: Room, name: EntryName) -> str:
        if name.key not in self._carriers and not names.split(name.key).part:
            with suppress(FileNotFoundError, envelope.Unreadable):
                self._carriers[name.key] = queue.peek(room, name).uploader
        return self._carriers.get(name.key, "")

    def _told(self, sent: Sent) -> Iterator[str]:
        with suppress(Problem):  # pruned meanwhile
            yield text(story.tell(self._site, sent.name.key), self._download(sent), self._end_of_log)

    def _download(self, sent: Sent) -> str:
        """Say where an upload is published; nothing while it is not."""
        if sent.queue.name != self._spool.archive.name:
            return ""
        try:
            upload = sent.queue.peek(Room.DONE, sent.name)
        except (FileNotFoundError, envelope.Unreadable):
            return ""
        url = self._site.settings.archive.url.rstrip("/") or "the archive"
        place = f"{url}/{pool.directory(upload.component, upload.source)}/"
        return f"{place}, or with apt from the suite {upload.suite}, component {upload.component}"

    def _end_of_log(self, chapter: Chapter) -> list[str]:
        if not chapter.queue.startswith("build/") or chapter.room != Room.FAILED:
            return []
        result = results.failed(self._spool, names.upload_of(chapter.key), names.split(chapter.key).part)
        lines = result.excerpt.splitlines()[-LAST_LINES:] if result else []
        return [safe(line.expandtabs()) for line in lines]


def report_name(key: Key) -> str:
    """Name the report of an upload; as in the names of its files, a version stands there without its epoch."""
    parts = names.split(key)
    return f"{parts.source}_{names.without_epoch(parts.version)}{SUFFIX}"


def text(chapters: Iterable[Chapter], download: str, log: Callable[[Chapter], list[str]]) -> str:
    """Write the story of one upload: its stage first, then what happened, then its builds."""
    upload, *parts = sorted(chapters, key=lambda one: bool(names.split(one.key).part))
    lines = [upload.title, *_stage(upload)]
    if download:
        lines.append(f"Download: {download}")
    for part in parts:
        lines += ["", part.title, *_stage(part), *(f"  | {line}" for line in log(part))]
    happened = [(names.split(one.key).part, event) for one in (upload, *parts) for event in one.events]
    happened.sort(key=lambda one: one[1]["at"])
    told = [f"  {_line(part, event)}" for part, event in happened if event["event"] not in BACKSTAGE]
    return "\n".join([*lines, "", "What happened:", *told, ""])


def _stage(chapter: Chapter) -> list[str]:
    """Say where an entry is, and why if somebody gave a reason when it came there; remedies are the operator's."""
    lines = [f"Stage: it {safe(chapter.meaning)} ({chapter.queue}/{chapter.room})", *map(safe, chapter.notes)]
    lines += [f"Since: {chapter.since[:19].replace('T', ' ')} UTC"] if chapter.since else []
    last = chapter.events[-1] if chapter.events else {}
    reason = last.get("reason") or last.get("note", "")
    return lines + [f"Reason: {safe(line)}" for line in reason.splitlines()]


def _line(part: str, event: dict[str, str]) -> str:
    facts = "  ".join(f"{name}: {safe(_last(value))}" for name, value in event.items() if name not in UNTOLD)
    what = f"{part}: {event['event']}" if part else event["event"]
    return f"{event['at'][:19].replace('T', ' ')} UTC  {what}  {facts}".rstrip()


def _last(value: str) -> str:
    return value.strip().splitlines()[-1] if value.strip() else ""
