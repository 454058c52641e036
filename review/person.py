"""A person of a site as a value: an uploader or a reviewer, what is theirs, and what their names may be."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from msgspec import Struct

from archive.openpgp import Certificate
from queues.problem import Problem
from queues.values import Fingerprint
from review.sshkeys import SshKey

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


class UnknownPerson(Problem):
    """A name nobody has, or a person who cannot be registered; the message says why."""


class Uploader(Struct, frozen=True):
    """Who may upload which source packages (globs) to which suites (globs), with which keys.

    `quota` bounds the bytes of files that wait to become an upload; 0: what the server allows everybody. `digest`: one
    mail a day instead of one for each event.
    """

    name: str
    mail: str
    packages: tuple[str, ...]
    suites: tuple[str, ...]
    certificates: tuple[Certificate, ...]
    ssh_keys: tuple[SshKey, ...]
    quota: int = 0
    digest: bool = False

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """The fingerprints of the primary OpenPGP keys."""
        return tuple(one.fingerprint for one in self.certificates)

    def may_upload(self, source: str, suite: str) -> bool:
        """Say whether source and suite are this person's."""
        return _any_matches(self.packages, source) and _any_matches(self.suites, suite)


class Reviewer(Struct, frozen=True):
    """Who may decide on uploads to which suites (globs).

    The OpenPGP keys, if any, say which uploads are this person's own. `digest`: one mail a day instead of one for each
    event.
    """

    name: str
    mail: str
    suites: tuple[str, ...] = ("*",)
    certificates: tuple[Certificate, ...] = ()
    digest: bool = False

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """The fingerprints of the primary OpenPGP keys."""
        return tuple(one.fingerprint for one in self.certificates)

    def may_review(self, suite: str) -> bool:
        """Say whether the suite is this person's."""
        return _any_matches(self.suites, suite)


def checked(name: str) -> str:
    """Check a name. Raises UnknownPerson."""
    if not NAME.fullmatch(name):
        raise UnknownPerson(f"'{name[:40]}': not a name (lower-case letters, digits, '-' and '_', at most 32)")
    return name


def checked_mail(mail: str) -> str:
    """Check a mail address. Raises UnknownPerson."""
    if not MAIL.fullmatch(mail):
        raise UnknownPerson(f"'{mail}': not a mail address; give one with --mail")
    return mail


def _any_matches(globs: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
