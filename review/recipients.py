"""Whom a notice about an upload reaches: people who are registered here, and nobody an uploader just names.

Maintainer and Changed-By are the uploader's to fill in, and name real people elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from email.utils import parseaddr

from queues.values import Upload
from review.people import People
from review.person import MAIL, Reviewer


def recipients(upload: Upload, people: People, notify_domains: Collection[str] = ()) -> tuple[str, ...]:
    """Give the addresses for an upload, by what is registered now."""
    uploaders = people.uploaders()
    registered = [*(one.mail for one in uploaders), *(one.mail for one in people.reviewers())]
    concerned = [one.mail for one in uploaders if one.name == upload.uploader or upload.signer in one.fingerprints]
    return choose(concerned, (upload.maintainer, upload.changed_by), registered, notify_domains)


def judges(reviewers: Iterable[Reviewer], suite: str) -> tuple[str, ...]:
    """Give the addresses of those who may decide on uploads to a suite. Pure."""
    return tuple(dict.fromkeys(one.mail for one in reviewers if one.may_review(suite)))


def choose(
    concerned: Iterable[str], named: Iterable[str], registered: Iterable[str], domains: Collection[str]
) -> tuple[str, ...]:
    """Choose addresses: all `concerned`, and those `named` that are registered or in one of the domains. Pure.

    Each address comes once, whatever its case.
    """
    known = {mail.lower() for mail in registered}
    chosen = {mail.lower(): mail for mail in concerned if MAIL.fullmatch(mail)}
    for mail in map(_address, named):
        domain = mail.rpartition("@")[2].lower()
        if mail and (mail.lower() in known or domain in {one.lower() for one in domains}):
            chosen.setdefault(mail.lower(), mail)
    return tuple(chosen.values())


def _address(field: str) -> str:
    mail = parseaddr(field)[1]
    return mail if MAIL.fullmatch(mail) else ""
