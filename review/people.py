"""Who may upload and who may review: small files below the site's `keys`, read afresh at every question.

    uploaders/NAME/  uploader.json  ssh.pub  openpgp.asc

and the reviewers (`review.reviewers`). An uploader is added and removed by one rename each. The files may also be
edited by hand.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from archive import openpgp
from archive.openpgp import BadSignature, Certificate
from queues import atomic
from queues.values import Fingerprint
from review import sshkeys
from review.person import UnknownPerson, Uploader, checked, checked_mail
from review.reviewers import FOREIGN, Reviewers
from review.sshkeys import SshKey

_RIGHTS, _SSH, _OPENPGP = "uploader.json", "ssh.pub", "openpgp.asc"
log = logging.getLogger(__name__)


class _Rights(Struct, frozen=True):
    """The part of an uploader that stands in `uploader.json`."""

    mail: str
    packages: tuple[str, ...] = ("*",)
    suites: tuple[str, ...] = ("*",)
    quota: int = 0
    digest: bool = False


class People(Reviewers):
    """The uploaders and reviewers of a site."""

    def __init__(self, keys: Path) -> None:
        super().__init__(keys)
        self._uploaders = keys / "uploaders"

    def names(self) -> tuple[list[str], list[str]]:
        """Name the uploaders and the reviewers, also those whose files cannot be read."""
        return _names(self._uploaders), self.reviewer_names()

    def uploaders(self) -> list[Uploader]:
        """List the uploaders; one whose files cannot be read is left out, and the log says so."""
        found = []
        for name in _names(self._uploaders):
            try:
                found.append(self.uploader(name))
            except UnknownPerson as error:
                log.error("an uploader is left out: %s", error)
        return found

    def uploader(self, name: str) -> Uploader:
        """Give an uploader. Raises UnknownPerson."""
        home = self._uploaders / checked(name)
        try:
            rights = msgspec.json.decode((home / _RIGHTS).read_bytes(), type=_Rights)
            certificates = openpgp.read_certificates((home / _OPENPGP).read_bytes())
            keys = sshkeys.parse((home / _SSH).read_text())
        except FileNotFoundError as error:
            if home.is_dir():
                raise UnknownPerson(f"{error.filename}: the file is missing") from None
            raise UnknownPerson(f"there is no uploader '{name}'; 'debmill uploader list' shows them") from None
        except (msgspec.MsgspecError, UnicodeDecodeError, BadSignature, sshkeys.BadKey, *FOREIGN) as error:
            raise UnknownPerson(f"{home}: {error}") from None
        fields = msgspec.structs.asdict(rights)
        return Uploader(name, certificates=tuple(certificates), ssh_keys=tuple(keys), **fields)

    def ssh_keys(self, name: str) -> list[SshKey]:
        """Give the SSH keys of an account, by reading nothing else; none for an account that does not exist."""
        try:
            return sshkeys.parse((self._uploaders / checked(name) / _SSH).read_text())
        except (OSError, UnicodeDecodeError, UnknownPerson, sshkeys.BadKey) as error:
            log.info("no SSH keys for %.40r: %s", name, error)
            return []

    def quota(self, name: str) -> int:
        """Give the quota of an account in bytes, by reading nothing else; 0: none of its own."""
        try:
            rights = (self._uploaders / checked(name) / _RIGHTS).read_bytes()
            return msgspec.json.decode(rights, type=_Rights).quota
        except (OSError, msgspec.MsgspecError, UnknownPerson):
            return 0

    def certificates(self) -> list[Certificate]:
        """Give the OpenPGP keys of all uploaders."""
        return [one for uploader in self.uploaders() for one in uploader.certificates]

    def by_fingerprint(self, fingerprint: Fingerprint) -> Uploader | None:
        """Find who has an OpenPGP key, by its primary fingerprint."""
        return next((one for one in self.uploaders() if fingerprint in one.fingerprints), None)

    def add_uploader(
        self,
        name: str,
        ssh_key: bytes,
        openpgp_key: bytes,
        now: datetime,
        mail: str = "",
        packages: tuple[str, ...] = ("*",),
        suites: tuple[str, ...] = ("*",),
        quota: int = 0,
        digest: bool = False,
    ) -> Uploader:
        """Register an uploader; without `mail` the address of the OpenPGP key is used. Raises UnknownPerson.

        Raises BadKey and BadSignature for keys that are not what they should be, or too weak.
        """
        home = self._uploaders / checked(name)
        if home.exists():
            raise UnknownPerson(f"there is an uploader '{name}' already; 'debmill uploader update {name}' changes it")
        certificates = self._new_certificates(openpgp_key, now)
        sshkeys.check(ssh_key)
        rights = _Rights(checked_mail(mail or certificates[0].mail), packages, suites, quota, digest)
        _write_home(home, {_RIGHTS: _json(rights), _SSH: ssh_key, _OPENPGP: openpgp_key})
        return self.uploader(name)

    def update_uploader(
        self,
        name: str,
        now: datetime,
        ssh_key: bytes | None = None,
        openpgp_key: bytes | None = None,
        mail: str | None = None,
        packages: tuple[str, ...] | None = None,
        suites: tuple[str, ...] | None = None,
        quota: int | None = None,
        digest: bool | None = None,
    ) -> Uploader:
        """Change what is given of an uploader, each by one rename. Raises UnknownPerson, BadKey, BadSignature.

        A key that is registered already may come as a newer copy that is revoked or expired; any other must be good.
        """
        old = self.uploader(name)
        files: dict[str, bytes] = {}
        if openpgp_key is not None:
            self._new_certificates(openpgp_key, now, old)
            files[_OPENPGP] = openpgp_key
        if ssh_key is not None:
            sshkeys.check(ssh_key)
            files[_SSH] = ssh_key
        rights = _Rights(
            old.mail if mail is None else checked_mail(mail),
            old.packages if packages is None else packages,
            old.suites if suites is None else suites,
            old.quota if quota is None else quota,
            old.digest if digest is None else digest,
        )
        for file, content in {**files, _RIGHTS: _json(rights)}.items():
            atomic.replace(self._uploaders / name / file, content)
        return self.uploader(name)

    def remove_uploader(self, name: str) -> Uploader:
        """Forget an uploader, and give who it was. Raises UnknownPerson."""
        gone = self.uploader(name)
        aside = self._uploaders / f".{name}.{os.getpid()}.old"
        atomic.move(self._uploaders / name, aside)
        atomic.remove(aside)
        return gone

    def _new_certificates(self, data: bytes, now: datetime, old: Uploader | None = None) -> list[Certificate]:
        certificates = openpgp.read_certificates(data)
        for one in certificates:
            if old is not None and one.fingerprint in old.fingerprints:
                continue
            openpgp.check_usable(one, now)
            owner = self.by_fingerprint(one.fingerprint)
            if owner is not None:
                raise UnknownPerson(f"the OpenPGP key {one.fingerprint.upper()} belongs to the uploader '{owner.name}'")
        return certificates


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("[a-z]*") if path.is_dir()) if folder.is_dir() else []


def _json(value: Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _write_home(home: Path, files: dict[str, bytes]) -> None:
    atomic.make(home.parent)
    aside = home.with_name(f".{home.name}.{os.getpid()}.new")
    atomic.remove(aside)
    atomic.disk.mkdir(aside)
    for name, content in files.items():
        atomic.disk.create(aside / name, content, 0o644)
    atomic.disk.sync(aside)
    atomic.move(aside, home)
