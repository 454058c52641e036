"""Looks at a site's directories: that they are there, on one file system, ours, and closed to others."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from daemons.notifying.templates import Templates
from daemons.sites import Site
from queues.checking.findings import Finding, Look, broken, repairable

# where nobody else may write
CLOSED = (
    "debmill.toml",
    "spool/*",
    "spool/*/*",
    "spool/build/*/*",
    "archive/*",
    "uploading/*",
    "keys/**/*",
    "templates",
    "templates/*",
)
ARCHIVE = ("pool", "dists", "opkg", "keys", "snapshots")
SECRETS = (
    "archive",
    "archive/private-keys-v1.d",
    "archive/private-keys-v1.d/*",
    "ssh_host_ed25519_key",
    "feeds.sec",
    "webhook.secret",
)


def looks(site: Site) -> Iterator[Look]:
    """Give every look at the directories of a site."""
    for path in _made(site):
        yield partial(_directory, site, path)
    below = {path for pattern in CLOSED for path in site.path.glob(pattern)}
    for path in (site.path, *filter(Path.exists, _made(site)), *below):
        yield partial(_closed, path)
    for path in (place for pattern in SECRETS for place in site.keys.glob(pattern)):
        yield partial(_secret, path)
    yield partial(_templates, site)
    yield partial(_space, site)


def _templates(site: Site) -> Iterator[Finding]:
    for path, said in Templates(site.templates).problems():
        yield broken("template", path, f"mails say debmill's own words instead: {said}")


def _made(site: Site) -> list[Path]:
    """Give the directories that `init` makes, but for the rooms."""
    own = [site.spool.path, site.archive, site.keys, site.environments, site.logs, site.run, site.uploading]
    return [*own, *(site.archive / name for name in ARCHIVE)]


def _directory(site: Site, path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield repairable("missing", path, "the directory is not there: make it again, empty")
    elif not path.is_dir():
        yield broken("stranger", path, "it must be a directory, and is none: move it away")
    elif path in (site.uploading, site.archive) and path.stat().st_dev != site.spool.path.stat().st_dev:
        yield broken("elsewhere", path, "it is not on the file system of spool, where no link reaches: put all on one")


def _closed(path: Path) -> Iterator[Finding]:
    found = path.stat()
    if found.st_uid != os.geteuid():
        yield broken("owner", path, f"it belongs to user {found.st_uid}, not to us ({os.geteuid()}): 'chown -R' it")
    elif found.st_mode & 0o022:
        yield repairable("open", path, f"its mode is {stat.S_IMODE(found.st_mode):o}: others may write here")


def _secret(path: Path) -> Iterator[Finding]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield repairable("secret", path, f"its mode is {mode:o}: others can reach a secret key")


def _space(site: Site) -> Iterator[Finding]:
    disk, floor = os.statvfs(site.uploading), site.settings.intake.free_space
    free = disk.f_bavail * disk.f_frsize
    if free < floor:
        yield broken(
            "space", site.path, f"{free >> 20} MiB are free, and below {floor >> 20} MiB intake refuses: make room"
        )
