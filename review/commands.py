"""Signed command files, as dcut(1) sends them: which commands one holds, who gives them, and what each may touch.

Uploaders take back and have built again what is theirs. Reviewers whose OpenPGP key is registered decide by them from
anywhere: what the desk asks of them, it asks here, too.

A file is one clearsigned paragraph: `Uploader` (a remark, for the signature says who it is), `Commands`, one a line,
and perhaps `Date`. Nothing is done here. Source: dcut(1) of dput; the README of Debian's upload queue.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import Struct

from archive.openpgp import CLOCK_SKEW, Verified
from queues import control
from queues.values import Upload
from review.authority import Signer, check_account, signer_of_commands
from review.facts import Facts
from review.inspection import text
from review.person import Reviewer, Uploader
from review.refusal import Refusal

SUFFIX = ".commands"
LARGEST = 64 * 1024  # bytes of a command file
MOST = 100  # commands in it
FIELDS = ("Uploader", "Date", "Commands")
USAGE = "rm FILE..., cancel UPLOAD, give-back UPLOAD [ARCHITECTURE]; of reviewers: accept UPLOAD, reject UPLOAD REASON"

Verb = Literal["rm", "cancel", "give-back", "accept", "reject"]


class Order(Struct, frozen=True):
    """One command, and who gives it.

    `words` are the patterns of `rm`, else the upload's name, and perhaps an architecture, or the words of a reason.
    """

    verb: Verb
    words: tuple[str, ...]
    by: Uploader | Reviewer

    def __str__(self) -> str:
        """Say it as it was written."""
        return " ".join((self.verb, *self.words))


class Orders(Struct, frozen=True):
    """A command file that was verified: who signed it, and what it asks for."""

    signer: str
    verified: Verified
    given: tuple[Order, ...]


def read(data: bytes, name: str, account: str, facts: Facts, now: datetime) -> Orders:
    """Verify and read a command file; one bad command refuses all of it. Raises Refusal."""
    if len(data) > LARGEST:
        raise Refusal("commands", f"{name}: larger than {LARGEST} bytes")
    signer = signer_of_commands(data, name, facts, now)
    check_account(name, signer.name, account, facts)
    verified = signer.verified
    fields = _fields(verified.octets, name)
    _check_date(fields, name, facts, now)
    lines = [line.split() for line in fields["Commands"].splitlines() if line.strip()]
    if not 0 < len(lines) <= MOST:
        raise Refusal("commands", f"{name}: holds {len(lines)} commands; 1 to {MOST} are possible")
    return Orders(signer.name, verified, tuple(_order(words, signer, name, now) for words in lines))


def may_order(signer: Uploader, upload: Upload) -> bool:
    """Say whether an upload is this person's to withdraw or build again.

    It is theirs when they signed it or their account carried it, and they may still upload such a thing.
    """
    involved = upload.signer in signer.fingerprints or upload.uploader == signer.name
    return involved and signer.may_upload(upload.source, upload.suite)


def chosen(patterns: Collection[str], files: Collection[str]) -> dict[str, list[str]]:
    """Find the files that each pattern of `rm` means: names, or shell wildcards."""
    return {pattern: [file for file in files if fnmatchcase(file, pattern)] for pattern in patterns}


def _fields(octets: bytes, name: str) -> Mapping[str, str]:
    text.decode(octets, name)
    try:
        fields = control.paragraph(octets)
    except control.Malformed as error:
        raise Refusal("commands", f"{name}: {error}") from None
    unknown = sorted(fields.keys() - {*FIELDS})
    if unknown or "Commands" not in fields:
        wrong = f"the field {unknown[0][:40]} is unknown" if unknown else "the field Commands is missing"
        raise Refusal("commands", f"{name}: {wrong}; a command file has {', '.join(FIELDS)}")
    return fields


def _check_date(fields: Mapping[str, str], name: str, facts: Facts, now: datetime) -> None:
    """Check a Date that is there as the signature's own time is checked."""
    if "Date" not in fields:
        return
    try:
        date = parsedate_to_datetime(fields["Date"])
    except ValueError:
        raise Refusal("commands", f"{name}: Date '{fields['Date'][:40]}' is no date (RFC 5322)") from None
    age = now - (date if date.tzinfo else date.replace(tzinfo=UTC))
    if not -CLOCK_SKEW <= age <= facts.max_age:
        raise Refusal("commands", f"{name}: its Date, {fields['Date'][:40]}, is too old or to come; sign a new one")


def _order(words: list[str], signer: Signer, name: str, now: datetime) -> Order:
    verb, *rest = words
    shown = " ".join(words)[:80]
    match verb, rest:
        case "rm", _:
            return Order("rm", _patterns(rest, shown, name), signer.as_uploader(shown, name))
        case "cancel", [_]:
            return Order("cancel", tuple(rest), signer.as_uploader(shown, name))
        case "give-back", [_] | [_, _]:
            return Order("give-back", tuple(rest), signer.as_uploader(shown, name))
        case "accept", [_]:
            return Order("accept", tuple(rest), signer.as_reviewer(shown, name, now))
        case "reject", [_, _, *_]:
            return Order("reject", tuple(rest), signer.as_reviewer(shown, name, now))
        case "reschedule", _:
            raise Refusal(
                "commands", f"{name}: '{shown}': there is no delayed queue here; a reviewer says when an upload goes on"
            )
    raise Refusal("commands", f"{name}: '{shown}' is no command; there are: {USAGE}")


def _patterns(words: list[str], shown: str, name: str) -> tuple[str, ...]:
    patterns = tuple(word for word in words if word not in ("--searchdirs", "--nosearchdirs"))
    if not patterns or any("/" in pattern or pattern.startswith(("-", ".")) for pattern in patterns):
        raise Refusal("commands", f"{name}: '{shown}': rm takes names of files in /incoming, where no folders are")
    return patterns
