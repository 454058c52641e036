"""Where the people behind an upload stand: whether a signer's word counts now, and what became of earlier uploads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from archive import openpgp
from archive.openpgp import BadSignature
from queues import envelope, names
from queues.layout import Spool
from queues.rooms import Room
from queues.spool import Queue
from queues.values import Upload
from review.evidence.values import Became, Earlier
from review.inspection import dsc
from review.people import People
from review.person import Reviewer

MOST = 12  # earlier uploads that are kept, the latest first
READ = 2000  # entries that are opened for them


def doubt(people: People, upload: Upload, now: datetime) -> str:
    """Say why the word of an upload's signer does not count now; empty when it does."""
    signer = people.by_fingerprint(upload.signer)
    if signer is None:
        return f"its signer, {upload.signed_by} ({upload.signer.upper()}), is no longer an uploader"
    if not signer.may_upload(upload.source, upload.suite):
        return f"its signer, {signer.name}, may no longer upload {upload.source} to {upload.suite}"
    try:
        for certificate in signer.certificates:
            if certificate.fingerprint == upload.signer:
                openpgp.check_usable(certificate, now)
    except BadSignature as error:
        return str(error)
    return ""


def is_own(people: People, upload: Upload, reviewer: Reviewer) -> bool:
    """Say whether a reviewer carried, signed or changed an upload: by key, by name, or by mail address."""
    signer = people.by_fingerprint(upload.signer)
    names = {upload.uploader, signer.name if signer else ""}
    mails = {signer.mail.lower() if signer else "", *dsc.addresses(upload.maintainer, upload.changed_by)}
    return upload.signer in reviewer.fingerprints or reviewer.name in names or reviewer.mail.lower() in mails - {""}


def earlier(spool: Spool, upload: Upload) -> tuple[Earlier, ...]:
    """Give other uploads of this source or by this signer that the queues still know, the latest first."""
    found = sorted(_others(spool, upload), key=lambda one: one.at, reverse=True)
    return tuple(found[:MOST])


def _others(spool: Spool, upload: Upload) -> Iterator[Earlier]:
    left = READ
    for queue in spool.uploads():
        for room in queue.rooms:
            for name in reversed(queue.names(room) if room not in (Room.TMP, Room.PARTS, Room.CORRUPT) else []):
                if left == 0 or names.split(name.key).part or name.key == upload.key:
                    continue
                left -= 1
                with suppress(FileNotFoundError, envelope.Unreadable):
                    one = queue.peek(room, name)
                    if one.source == upload.source or one.signer == upload.signer:
                        became = _became(queue, room)
                        yield Earlier(one.source, one.version, one.suite, one.signed_by, became, one.received)


def _became(queue: Queue[Upload], room: Room) -> Became:
    if queue.name == "review":
        return "rejected" if room is Room.REJECTED else "waiting"
    return {Room.FAILED: "failed", Room.DONE: "published"}.get(room, "on its way")  # type: ignore[return-value]
