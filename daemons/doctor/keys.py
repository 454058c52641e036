"""Looks at a site's keys: the one that signs the archive, the server's, and those of the people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from archive import openpgp
from archive.openpgp import BadSignature, Certificate
from archive.signing import SigningFailed
from daemons.intake import hostkey
from daemons.intake.hostkey import NoHostKey
from daemons.sites import Site
from queues.checking.findings import Finding, Look, broken, harmless
from review.person import UnknownPerson

NOTICE = timedelta(days=30)  # to tell every client of a new key
PROBE = b"A signature that nobody sees.\n"


def looks(site: Site, now: datetime) -> Iterator[Look]:
    """Give every look at the keys of a site."""
    uploaders, reviewers = site.people.names()
    yield partial(_archive_key, site, now)
    yield partial(_host_key, site)
    for name in uploaders:
        yield partial(_uploader, site, name, now)
    for name in reviewers:
        yield partial(_reviewer, site, name, now)


def published(site: Site) -> list[Certificate]:
    """Give the keys that clients have of the archive; none when they cannot be read."""
    try:
        return openpgp.read_certificates((site.archive / "keys" / "archive.gpg").read_bytes())
    except (OSError, BadSignature):
        return []


def _archive_key(site: Site, now: datetime) -> Iterator[Finding]:
    home, public = site.repository.key.home, site.archive / "keys" / "archive.gpg"
    known = published(site)
    if not known:
        yield broken(
            "key", public, "the archive's public key cannot be read; 'debmill init' exports it when it is gone"
        )
        return
    yield from _expiry(public, known, now)
    try:
        (signed,) = site.repository.key.sign([PROBE])
        openpgp.verify_clearsigned(signed.inline, known, now)
    except SigningFailed as error:
        yield broken("key", home, f"nothing can be published, gpg does not sign: {' '.join(str(error).split())}")
    except BadSignature as error:
        yield broken("key", home, f"clients would refuse what it signs ({error}): see 'gpg --homedir {home} -K'")


def _expiry(path: Path, known: Sequence[Certificate], now: datetime) -> Iterator[Finding]:
    for one in known:
        ends = one.expires
        if ends and ends < now + NOTICE:
            yield broken(
                "key", path, f"it expires on {ends:%F}: extend it by gpg, and give the new one to every client"
            )


def _host_key(site: Site) -> Iterator[Finding]:
    try:
        hostkey.load(site.host_key)
    except NoHostKey as error:
        yield broken("key", site.host_key, str(error).removeprefix(f"{site.host_key}: "))


def _uploader(site: Site, name: str, now: datetime) -> Iterator[Finding]:
    home = site.keys / "uploaders" / name
    try:
        certificates = site.people.uploader(name).certificates
    except UnknownPerson as error:
        yield broken("person", home, f"{name} cannot upload: {str(error).removeprefix(f'{home}: ')}")
        return
    refusals = {one.fingerprint: refusal for one in certificates if (refusal := _refusal(one, now))}
    kind = broken if len(refusals) == len(certificates) else harmless
    for refusal in refusals.values():
        yield kind(
            "person", home, f"what {name} signs is refused: {refusal}; 'debmill uploader remove' and 'add' replace it"
        )


def _refusal(certificate: Certificate, now: datetime) -> str:
    try:
        openpgp.check_usable(certificate, now)
    except BadSignature as error:
        return str(error)
    return ""


def _reviewer(site: Site, name: str, now: datetime) -> Iterator[Finding]:
    path = site.keys / "reviewers" / f"{name}.json"
    try:
        certificates = site.people.reviewer(name).certificates
    except UnknownPerson as error:
        yield broken("person", path, f"{name} cannot decide: {str(error).removeprefix(f'{path}: ')}")
        return
    for refusal in filter(None, (_refusal(one, now) for one in certificates)):
        yield harmless("person", path, f"{refusal}; 'debmill reviewer add {name} --openpgp-key' takes a newer copy")
