"""The values that travel: frozen structs, as they stand in envelopes.

A struct's fields are the file format: a field is added with a default, never renamed and never reused.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from queues.names import Key

Fingerprint = str
Gate = Literal["no-regression", "built", "complete"]
Verdict = Literal["built", "failed"]
Installable = Literal["ignore", "warn", "hold"]
Builds = Literal["overlay", "sbuild"]
Option = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]*(=[^\s,]+)?$")]
Profile = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$")]


class FileRef(Struct, frozen=True):
    """One file of an entry: its plain name, its size in bytes and its SHA256 in lower-case hex."""

    name: str
    size: int
    sha256: str


class Upload(Struct, frozen=True, tag=True):
    """A source upload that was taken: what its signed `.changes` says, and who brought it.

    `files` holds every file of the source (also an orig tarball taken from the pool), the `.dsc` and the `.changes`.
    `uploader` is the SSH account that carried it; `signer` is the OpenPGP certificate that decided its rights.
    `distribution` is what the `.changes` says, `suite` the suite that accepts it.
    """

    key: Key
    source: str
    version: str
    suite: str
    distribution: str
    uploader: str
    signer: Fingerprint
    signed_by: str
    maintainer: str
    changed_by: str
    received: datetime
    files: tuple[FileRef, ...]
    component: str = "main"


class Plan(Struct, frozen=True, tag=True):
    """What an upload's build jobs are, written once at dispatch: architectures (`all` among them) and the gate.

    `required` names the architectures that must succeed under this gate; `main` those that are not merely `all`.
    """

    architectures: tuple[str, ...]
    gate: Gate
    required: tuple[str, ...] = ()


class Set(Struct, frozen=True, tag=True):
    """Uploads that were accepted together, the oldest first; by whom, and when (UTC)."""

    members: tuple[Key, ...]
    by: str
    at: datetime


class BuildJob(Struct, frozen=True, tag=True):
    """One architecture of one upload: a `-B` build, or an `-A` build when the architecture is `all`.

    `options` are words of DEB_BUILD_OPTIONS besides parallel=N, `profiles` those of DEB_BUILD_PROFILES (Debian policy
    4.9.1; deb-src-control(5)).
    """

    upload: Key
    source: str
    version: str
    architecture: str
    suite: str
    dsc: FileRef
    files: tuple[FileRef, ...]
    options: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


class BuildResult(Struct, frozen=True, tag=True):
    """What came of a job. `files` are the results (empty when failed), `log` the whole log.

    `phase` is one of setup, install, unpack, build, collect, check; `reason` one line for a person; `excerpt` how the
    log of a failed build ended. `started` and `finished` are UTC.
    """

    job: BuildJob
    verdict: Verdict
    reason: str
    phase: str
    files: tuple[FileRef, ...]
    log: FileRef
    started: datetime
    finished: datetime
    excerpt: str = ""


class Notice(Struct, frozen=True, tag=True):
    """Something a person is told: the event's name, whom it concerns, and the facts its template needs."""

    event: str
    upload: Key
    source: str
    version: str
    suite: str
    recipients: tuple[str, ...]
    facts: dict[str, str]
    at: datetime


class Suite(Struct, frozen=True, forbid_unknown_fields=True):
    """A suite's rules: what it accepts, for which architectures it builds, how it is published."""

    name: Annotated[str, Meta(description="The suite's name; the table's own name, not written again.")]
    accepts: Annotated[
        tuple[str, ...], Meta(description="Distributions of a .changes that land here, besides the suite's own name.")
    ] = ()
    architectures: Annotated[tuple[str, ...], Meta(description="Architectures that are built and published.")] = (
        "amd64",
    )
    components: Annotated[tuple[str, ...], Meta(description="Components; the first is the default.")] = ("main",)
    formats: Annotated[tuple[str, ...], Meta(description="Source formats that are accepted.")] = (
        "1.0",
        "3.0 (native)",
        "3.0 (quilt)",
    )
    base: Annotated[str, Meta(description="The Debian suite that build environments are made of.")] = "bookworm"
    environment: Annotated[
        Builds,
        Meta(description="What builds: overlay, debmill's own and fast; or sbuild, in its unshare mode."),
    ] = "overlay"
    sources: Annotated[
        str,
        Meta(
            description="Where builds find more than the mirror has: stanzas of sources.list(5), each with Signed-By."
        ),
    ] = ""
    preferences: Annotated[str, Meta(description="Which versions builds prefer, as in apt_preferences(5).")] = ""
    all_on: Annotated[str, Meta(description="Architecture on which 'all' is built; empty: the first.")] = ""
    build_options: Annotated[
        tuple[Option, ...], Meta(description="Words of DEB_BUILD_OPTIONS for every build, such as nocheck.")
    ] = ()
    build_profiles: Annotated[
        tuple[Profile, ...], Meta(description="Build profiles of every build (DEB_BUILD_PROFILES), such as nodoc.")
    ] = ()
    network: Annotated[
        tuple[str, ...], Meta(description="Source packages whose builds may use the network of the machine.")
    ] = ()
    gate: Annotated[Gate, Meta(description="What must be built before an upload is published.")] = "no-regression"
    installable: Annotated[
        Installable,
        Meta(description="New packages that cannot be installed: they are not looked for, noted, or held."),
    ] = "ignore"
    dbgsym: Annotated[
        Literal["debug", "same", "dropped"], Meta(description="Where -dbgsym packages go: SUITE-debug, here, nowhere.")
    ] = "debug"
    origin: Annotated[str, Meta(description="Origin in Release; never change it: apt clients stop.")] = "debmill"
    label: Annotated[str, Meta(description="Label in Release; never change it: apt clients stop.")] = "debmill"
    codename: Annotated[str, Meta(description="Codename in Release; empty: the suite's name.")] = ""
    aliases: Annotated[
        tuple[str, ...],
        Meta(description="More names that clients find the suite by, besides its codename; apt warns of those."),
    ] = ()
    not_automatic: Annotated[
        bool, Meta(description="Clients install from here only what they are told to (NotAutomatic).")
    ] = False
    but_automatic_upgrades: Annotated[
        bool, Meta(description="With not_automatic: what was installed from here is upgraded from here.")
    ] = False
    contents: Annotated[
        bool, Meta(description="Publish which file is in which package (Contents-ARCH.gz), for apt-file.")
    ] = False
    translations: Annotated[
        bool, Meta(description="Publish long descriptions apart, once for all architectures (Translation-en).")
    ] = False
    zst: Annotated[
        bool,
        Meta(description="Publish indices as .zst, too, which apt unpacks fastest; .gz and .xz stay for others."),
    ] = False
    valid_days: Annotated[int, Meta(description="Days until Release expires; 0: never.")] = 0
    opkg: Annotated[
        Literal["off", "deb", "ipk"],
        Meta(
            description="Feeds for opkg: none, of the .debs (for Yocto's client only), of .ipks made of them (for all)."
        ),
    ] = "off"
    opkg_architectures: Annotated[
        tuple[Annotated[str, Meta(pattern="^[a-z0-9-]+=[A-Za-z0-9_.-]+$")], ...],
        Meta(description="Architectures whose name is another one in feeds, as DEBIAN=OPKG: 'amd64=x86_64'."),
    ] = ()
    opkg_paths: Annotated[
        Literal["above", "below"],
        Meta(description="How feeds name files: by '../' (any web server), or through a link in each feed."),
    ] = "above"
    notify_domains: Annotated[
        tuple[str, ...], Meta(description="Mail domains whose Maintainer and Changed-By are told, too.")
    ] = ()

    def builds_on(self, architecture: str) -> str:
        """Give the architecture of the environment in which an architecture's job is built."""
        return architecture if architecture != "all" else self.all_on or self.architectures[0]
