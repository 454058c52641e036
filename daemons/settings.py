"""The settings of a site: the one place that knows there is configuration; everything below takes plain values.

Each field carries its default and its description; `samples` writes them out, `configuring` reads them.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from archive.keeping.thinning import Rule
from daemons.building.environment import Limits
from daemons.notifying.events import Kind
from queues.problem import Problem
from queues.values import Suite
from review.policy.values import Policy

FILE = "debmill.toml"
_LIMITS = Limits()


class WrongSettings(Problem):
    """A configuration file that cannot be used; says which line or setting, and what is expected."""


class Intake(Struct, frozen=True, forbid_unknown_fields=True):
    """The SFTP server that takes uploads."""

    server: Annotated[
        Literal["own", "openssh"], Meta(description="Who speaks SFTP: debmill, or an sshd (etc/sshd/README.md).")
    ] = "own"
    landing: Annotated[
        str, Meta(description="Where the accounts of sshd land files: below it, NAME/incoming and NAME/status.")
    ] = "/srv/landing"
    listen: Annotated[str, Meta(description="Address and port; port 0: the kernel chooses.")] = "127.0.0.1:2222"
    name: Annotated[str, Meta(description="Host name that clients use; empty: the address.")] = ""
    signature_max_age: Annotated[int, Meta(description="Days after which a signature is too old.")] = 30
    signer_is_account: Annotated[bool, Meta(description="Refuse uploads carried for somebody else.")] = False
    file_size: Annotated[int, Meta(description="Largest file, in bytes.")] = 4 << 30
    missing_minutes: Annotated[
        int, Meta(description="Minutes that missing files of an upload are waited for.", ge=1)
    ] = 15
    loose_hours: Annotated[int, Meta(description="Hours that files wait for a .changes that names them.", ge=1)] = 24
    free_space: Annotated[int, Meta(description="Refuse uploads when less is free on the disk, in bytes.")] = 256 << 20


class Build(Struct, frozen=True, forbid_unknown_fields=True):
    """The build daemons."""

    slots: Annotated[int, Meta(description="Builds at the same time, each by a daemon of its own.", ge=1)] = 2
    host_slots: Annotated[
        int,
        Meta(description="The most builds at a time of all sites that share this one's bases; 0: no limit.", ge=0),
    ] = 0
    serves: Annotated[
        tuple[tuple[str, ...], ...],
        Meta(description='Architectures of the slots 1, 2, ...: [["amd64", "all"], ["arm64"]]; []: every one.'),
    ] = ()
    parallel: Annotated[
        int, Meta(description="parallel=N in DEB_BUILD_OPTIONS; 0: the cores, shared out among the slots.", ge=0)
    ] = 0
    seconds: Annotated[int, Meta(description="Time limit of one build, in seconds.", ge=1)] = int(_LIMITS.seconds)
    idle_minutes: Annotated[
        int, Meta(description="Minutes after which a build that writes nothing is ended.", ge=1)
    ] = int(_LIMITS.idle) // 60
    memory: Annotated[int, Meta(description="Memory of one build's processes, in bytes.", ge=64 << 20)] = _LIMITS.memory
    processes: Annotated[int, Meta(description="Processes of one build, threads included.", ge=16)] = _LIMITS.processes
    disk: Annotated[
        int,
        Meta(
            description="What one build may write, in bytes; to memory, half of what the machine has at most.",
            ge=64 << 20,
        ),
    ] = _LIMITS.disk
    shm: Annotated[int, Meta(description="Size of a build's /dev/shm, in bytes.", ge=1 << 20)] = _LIMITS.shm
    output: Annotated[int, Meta(description="Largest log of one build, in bytes.", ge=1 << 16)] = _LIMITS.output
    drain_seconds: Annotated[
        int, Meta(description="How long a build may still take when its daemon is told to stop, in seconds.", ge=1)
    ] = 900
    layers_size: Annotated[
        int,
        Meta(description="Bytes that layers of installed build dependencies may take, kept for later builds.", ge=0),
    ] = 10 << 30
    indices_minutes: Annotated[
        int, Meta(description="Minutes after which a mirror's package lists are fetched again.", ge=0)
    ] = 60
    base_days: Annotated[
        int,
        Meta(description="Days after which bases are made anew, beside builds; 0: by 'environment refresh'.", ge=0),
    ] = 7
    superseded: Annotated[
        Literal["cancel", "finish"], Meta(description="What becomes of a running build of a superseded upload.")
    ] = "cancel"

    def parallel_on(self, cores: int) -> int:
        """Give N of parallel=N on a machine with so many cores."""
        return self.parallel or max(1, cores // (self.host_slots or self.slots))

    def served_by(self, slot: str) -> tuple[str, ...]:
        """Name the architectures whose jobs a slot takes; empty: those of all."""
        numbered = {str(number): serves for number, serves in enumerate(self.serves, 1)}
        return numbered.get(slot, ())

    @property
    def limits(self) -> Limits:
        """Give what one build may use."""
        return Limits(
            seconds=self.seconds,
            idle=self.idle_minutes * 60,
            output=self.output,
            memory=self.memory,
            processes=self.processes,
            disk=self.disk,
            shm=self.shm,
        )


class Evidence(Struct, frozen=True, forbid_unknown_fields=True):
    """Looking into uploads, in a sandbox, before they are reviewed."""

    seconds: Annotated[int, Meta(description="Time limit of each step for one upload, in seconds.", ge=1)] = 300
    memory: Annotated[int, Meta(description="Memory of the processes that look, in bytes.", ge=64 << 20)] = 1 << 30
    disk: Annotated[
        int,
        Meta(
            description="What two unpacked versions may take, in bytes; at most 1 GiB and 30 times their files.",
            ge=64 << 20,
        ),
    ] = 16 << 30
    files: Annotated[int, Meta(description="Files that a source may unpack to.", ge=1)] = 500_000
    diff: Annotated[int, Meta(description="Bytes of a diff that are kept; what is longer is cut off.", ge=1 << 16)] = (
        256 << 20
    )

    depends: Annotated[bool, Meta(description="Ask apt which build dependencies cannot be had.")] = True
    lintian: Annotated[
        bool, Meta(description="Let lintian look, too, from a layer over the base, where the base's sources have it.")
    ] = True

    @property
    def limits(self) -> Limits:
        """Give what looking into one upload may use."""
        return Limits(
            seconds=self.seconds,
            idle=self.seconds,
            output=1 << 20,
            results=self.diff + (512 << 20),
            memory=self.memory,
            processes=64,
            disk=self.disk,
            shm=16 << 20,
        )


class Mail(Struct, frozen=True, forbid_unknown_fields=True):
    """Where notices go."""

    smtp: Annotated[str, Meta(description="HOST:PORT of the SMTP server; empty: mails are files in logs/mail.")] = ""
    sender: Annotated[str, Meta(description="From address.")] = "debmill@localhost"
    digest: Annotated[
        bool, Meta(description="One mail a day to everybody, instead of one for each event; people may choose, too.")
    ] = False
    without: Annotated[
        tuple[Kind, ...], Meta(description="Events of which nobody gets a mail, such as received or built.")
    ] = ()


class Notices(Struct, frozen=True, forbid_unknown_fields=True):
    """What is told besides mails."""

    remind_days: Annotated[
        int,
        Meta(
            description="Days after which reviewers are reminded of an upload, and each time they double; 0: never.",
            ge=0,
        ),
    ] = 3
    webhook: Annotated[
        str,
        Meta(
            description="Where each event is POSTed as JSON, signed by keys/webhook.secret; empty: nowhere.",
            pattern=r"^(https?://[^\s/:@]+(:[0-9]{1,5})?(/[^\s#]*)?)?$",
        ),
    ] = ""
    webhook_seconds: Annotated[int, Meta(description="How long an answer of the webhook is waited for.", ge=1)] = 10


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """What is reported as having waited too long."""

    days: Annotated[int, Meta(description="Days after which something is worth telling.", ge=0)] = 7
    digest: Annotated[
        str,
        Meta(
            description="When the daily digest is sent, HH:MM in UTC; empty: never.",
            pattern="^(([01][0-9]|2[0-3]):[0-5][0-9])?$",
        ),
    ] = "06:00"


class Archive(Struct, frozen=True, forbid_unknown_fields=True):
    """The published archive."""

    url: Annotated[
        str, Meta(description="Where clients find it; shown in stanzas, and in Release for its snapshots.")
    ] = ""


class Keep(Struct, frozen=True, forbid_unknown_fields=True):
    """How long things stay."""

    done_days: Annotated[
        int,
        Meta(description="Days before what is over is put away; never before its signature is too old.", ge=1),
    ] = 90
    snapshots: Annotated[int, Meta(description="Publications of each suite that stay: the last ones.", ge=1)] = 30
    snapshot_days: Annotated[int, Meta(description="Days of which the last publication of a suite stays.", ge=0)] = 30
    snapshot_months: Annotated[
        int, Meta(description="Months of which the last publication of a suite stays.", ge=0)
    ] = 12


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a site."""

    suites: dict[str, Suite] = {}
    intake: Intake = Intake()
    build: Build = Build()
    evidence: Evidence = Evidence()
    mail: Mail = Mail()
    notices: Notices = Notices()
    report: Report = Report()
    archive: Archive = Archive()
    keep: Keep = Keep()
    groups: dict[str, tuple[str, ...]] = {}
    policies: dict[str, Policy] = {}

    def policy(self, suite: str) -> Policy:
        """Give the policy of a suite, which names the uploaders of each group that it names."""
        policy = self.policies.get(suite, Policy())
        members = tuple(name for group in policy.accept_groups for name in self.groups[group])
        return structs.replace(policy, accept_uploaders=(*policy.accept_uploaders, *members))

    @property
    def kept(self) -> timedelta:
        """How long what is over stays in its room: until it could not come again by a replay (rule 10)."""
        return timedelta(days=max(self.keep.done_days, self.intake.signature_max_age + 1))

    @property
    def thinning(self) -> Rule:
        """Which snapshots stay; a build may read for all of its time the one that it began with."""
        keep, grace = self.keep, timedelta(seconds=max(self.build.seconds, 3600))
        return Rule(keep.snapshots, keep.snapshot_days, keep.snapshot_months, grace)

    def architectures(self) -> list[str]:
        """Name every architecture that some suite builds, without `all`."""
        return sorted({name for suite in self.suites.values() for name in suite.architectures})


def address(text: str) -> tuple[str, int]:
    """Take HOST:PORT apart. Raises WrongSettings."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise WrongSettings(f"{text}: not HOST:PORT")
    return host.strip("[]"), int(port)


def locate(option: str | None) -> Path:
    """Find the site: the option, else DEBMILL_SITE, else ./site, else the system's; links are resolved."""
    named = option or os.environ.get("DEBMILL_SITE")
    if named:
        return Path(named).resolve()
    return Path("site").resolve() if (Path("site") / FILE).exists() else Path("/var/lib/debmill")
