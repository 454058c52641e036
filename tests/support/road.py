"""The road of a package from a maintainer's dput to an apt client, walked with the real tools.

The demo and the integration tests share it. Nothing here judges: it makes, sends, asks and waits.
"""

from __future__ import annotations

import functools
import json
import re
from contextlib import AbstractContextManager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from tests.support.clients import Uploader
from tests.support.mill import Mill
from tests.support.people import Person
from tests.support.served import served
from tests.support.sources import SourceUpload
from tests.support.tools import Ran

SUITE = "demo"
LABEL = "debmill demo"  # also how the demo knows a site that it made
UPLOADER, REVIEWER = "alice", "rita"


class Road:
    """A site and the people on it; their files are in the site's folder `demo`."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.mill = Mill(site)
        self.folder = site / "demo"
        self.architectures: tuple[str, ...] = ()

    # --- set-up --------------------------------------------------------------------------------------------------

    def make_site(self, architectures: tuple[str, ...], listen: str = "127.0.0.1:0", opkg: str = "off") -> None:
        """Make the site, and register the uploader and the reviewer."""
        self.architectures = architectures
        words = [word for name in architectures for word in ("--arch", name)]
        words += ["--listen", listen, "--label", LABEL, "--opkg", opkg]
        self.mill("init", "--suite", SUITE, "--accepts", "unstable", *words)
        who = self.maintainer
        keys = ("--ssh-key", who.ssh_public, "--openpgp-key", who.certificate)
        self.mill("uploader", "add", UPLOADER, "--mail", who.address, *keys)
        self.mill("reviewer", "add", REVIEWER, "--mail", f"{REVIEWER}@example.org")

    def make_environments(self) -> Ran:
        """Make the clean build environments that the site's suites need, or find them in the cache."""
        return self.mill("environment", "create")

    def base(self, architecture: str) -> Path:
        """Give the base of the environments of an architecture."""
        return (self.site / "environments" / f"bookworm-{architecture}").resolve()

    def start(self) -> None:
        """Start all daemons; what they log is in `demo/run.log`."""
        self.mill.start(self.log)

    @property
    def log(self) -> Path:
        """Where the daemons log."""
        return self.folder / "run.log"

    def close(self) -> None:
        """Stop the daemons and forget the people's keys."""
        self.mill.stop()
        for name in ("maintainer", "stranger"):
            if name in self.__dict__:
                getattr(self, name).close()

    # --- walking -------------------------------------------------------------------------------------------------

    @functools.cached_property
    def maintainer(self) -> Person:
        """The person who uploads."""
        return Person(UPLOADER, self.folder)

    @functools.cached_property
    def stranger(self) -> Person:
        """A person with the uploader's SSH key, but an OpenPGP key that nobody registered."""
        stranger = Person("mallory", self.folder)
        stranger.ssh_key = self.maintainer.ssh_key
        return stranger

    @functools.cached_property
    def uploader(self) -> Uploader:
        """The uploader's tools, which know the server."""
        return Uploader(self.maintainer, UPLOADER, self.port, self.known_host)

    @functools.cached_property
    def intruder(self) -> Uploader:
        """The stranger's tools."""
        return Uploader(self.stranger, UPLOADER, self.port, self.known_host)

    @property
    def port(self) -> int:
        """The port on which the server listens."""
        match = re.search(r":(\d+)", self.mill.daemons()["intake"]["detail"])
        assert match is not None
        return int(match[1])

    @property
    def known_host(self) -> str:
        """The server's line for known_hosts, as the site gives it to its uploaders."""
        printed = self.mill("uploader", "client", UPLOADER).output
        key = re.search(r"ssh-ed25519 [A-Za-z0-9+/=]+", printed)
        assert key is not None, printed
        return f"[127.0.0.1]:{self.port} {key[0]}"

    def send(self, upload: SourceUpload) -> Ran:
        """Send an upload with dput; it is in review when this returns."""
        return self.uploader.dput(upload)

    def accept(self, upload: SourceUpload) -> Ran:
        """Accept an upload, as the reviewer."""
        return self.mill("review", "accept", self.id_of(upload), "--as", REVIEWER)

    def reject(self, upload: SourceUpload, reason: str) -> Ran:
        """Reject an upload, as the reviewer."""
        return self.mill("review", "reject", self.id_of(upload), "--reason", reason, "--as", REVIEWER)

    def id_of(self, upload: SourceUpload) -> str:
        """The upload's id in `debmill review list`."""
        waiting = self.mill.json("review", "list")
        wanted = (upload.source, upload.version)
        return str(next(one["id"] for one in waiting if (one["source"], one["version"]) == wanted))

    def wait_until_published(self, upload: SourceUpload) -> None:
        """Wait until the archive has the upload."""
        self.mill.wait_for(name_of(upload), "archive", "done")

    def recorded(self, action: str, upload: SourceUpload) -> list[dict[str, Any]]:
        """What the site's journal says of one event of an upload that got no entry."""
        lines = (self.site / "logs/journal.jsonl").read_text().splitlines()
        told = [json.loads(line) for line in lines]
        return [one for one in told if one["action"] == action and one["entry"] == upload.changes.name]

    def notice(self, upload: SourceUpload, event: str) -> str:
        """The mail that tells of an event of an upload; waits until it is written."""
        mails = self.site / "logs/mail"
        pattern = f"*.{upload.source}_{upload.version.replace(':', '%3a')}~*_{event}*.eml"
        self.mill.wait(f"a notice: {pattern}", lambda: any(mails.glob(pattern)), 60, upload.source)
        return decoded(next(mails.glob(pattern)))

    def binaries(self, source: str) -> dict[str, str]:
        """The version that the archive has of a source's binaries, by architecture."""
        rows = [one for one in self.mill.json("archive", "list") if one["source"] == source]
        return {one["architecture"]: one["version"] for row in rows for one in row["binaries"]}

    def served(self) -> AbstractContextManager[str]:
        """Serve the document root over HTTP; gives the URL."""
        return served(self.site / "archive")


def name_of(upload: SourceUpload) -> str:
    """The name by which `debmill why` finds an upload."""
    return f"{upload.source}_{upload.version}"


def decoded(mail: Path) -> str:
    """Read a mail as a person does: its headers, and its text decoded."""
    message = message_from_bytes(mail.read_bytes(), policy=policy.default)
    headers = [f"{name}: {message[name]}" for name in ("Subject", "To")]
    return "\n".join([*headers, "", message.get_content()])
