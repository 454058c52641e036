"""A site: its directories, settings, queues and archive, found once by each command and daemon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import click

from archive.keeping.keeper import Keeper
from archive.repository import Repository
from daemons import account, configuring, settings
from daemons.building.environment import LocalArchive
from daemons.settings import Settings, WrongSettings
from queues.layout import Spool
from queues.values import Suite, Upload
from review.notices import tell
from review.people import People

P = ParamSpec("P")
R = TypeVar("R")
SYSTEM_SETTINGS = Path("/etc/debmill") / settings.FILE


class Site:
    """One site; nothing is read before it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.archive = path / "archive"
        self.keys = path / "keys"
        self.environments = path / "environments"
        self.logs = path / "logs"
        self.templates = path / "templates"
        self.run = path / "run"
        self.uploading = path / "uploading"
        self.host_key = self.keys / "ssh_host_ed25519_key"

    @cached_property
    def settings(self) -> Settings:
        """The settings, read once. Raises WrongSettings."""
        own = self.path / settings.FILE
        system = self.path == Path("/var/lib/debmill") and not own.exists()
        return configuring.read(SYSTEM_SETTINGS if system else own)

    @cached_property
    def spool(self) -> Spool:
        """The queues."""
        return Spool(self.path)

    @cached_property
    def repository(self) -> Repository:
        """The published archive."""
        url = self.settings.archive.url
        return Repository(self.archive, self.settings.suites, self.keys, after=self._write_page, url=url)

    def _write_page(self) -> None:
        from daemons.telling import page  # most commands publish nothing, and are spared its library

        page.write(self)

    @cached_property
    def keeper(self) -> Keeper:
        """Who looks after the archive's snapshots."""
        return Keeper(self.archive, self.repository.records)

    @cached_property
    def people(self) -> People:
        """Who may upload and who may decide; looked up afresh at each question."""
        return People(self.keys)

    def tell(self, event: str, upload: Upload, now: datetime, **facts: str) -> None:
        """Put a notice about an upload into the queue; the same event again does nothing."""
        tell(self.spool, self.people, self.settings.suites.get(upload.suite), event, upload, now, **facts)

    def local_archives(self, suite: str) -> list[LocalArchive]:
        """Give the suite as it is published now, whose packages are build dependencies, too."""
        current = self.repository.current(suite)
        if not current:
            return []
        key = self.archive / "keys" / "archive.gpg"
        return [LocalArchive(self.archive, suite, self.suite(suite).components, key, f"snapshots/{current}")]

    def suite(self, name: str) -> Suite:
        """Give a suite's rules. Raises WrongSettings for a suite the site does not have."""
        try:
            return self.settings.suites[name]
        except KeyError:
            known = ", ".join(sorted(self.settings.suites)) or "none"
            raise WrongSettings(f"there is no suite '{name}' in {self.path}; there are: {known}") from None


def named() -> Path:
    """Give the site's directory that the command line, the environment or the current directory names."""
    path: Path = click.get_current_context().find_root().obj
    return path


def pass_site(command: Callable[Concatenate[Site, P], R]) -> Callable[P, R]:
    """Decorate a click command: root is given up, and the site is its first argument."""

    @wraps(command)
    def with_site(*args: P.args, **kwargs: P.kwargs) -> R:
        path = named()
        account.give_up_root()
        account.reach(path)
        site = Site(path)
        _ = site.settings
        return command(site, *args, **kwargs)

    return with_site
