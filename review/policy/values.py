"""A suite's policy as it is configured, and what its rules find."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from msgspec import Meta, Struct

Level = Literal["reject", "warn", "hint"]
Mark = Literal["red", "amber", "green"]
Accept = Literal["never", "no-warnings", "no-findings"]


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """What a suite asks of uploads, behind what is refused at intake; 'debmill review rules' names the rules."""

    reject: Annotated[tuple[str, ...], Meta(description="Rules that reject, besides those that do by default.")] = ()
    warn: Annotated[tuple[str, ...], Meta(description="Rules that only warn.")] = ()
    hint: Annotated[tuple[str, ...], Meta(description="Rules that only give a hint.")] = ()
    ignore: Annotated[tuple[str, ...], Meta(description="Rules that do not count here.")] = ()
    auto_reject: Annotated[
        bool, Meta(description="Reject at once what a rule of that level finds; else a person decides.")
    ] = True
    auto_accept: Annotated[
        Accept, Meta(description="Accept at once what has no warnings (no findings), of those named below.")
    ] = "never"
    accept_uploaders: Annotated[
        tuple[str, ...], Meta(description="Whose signed uploads may be accepted: uploaders, and '@GROUP' of [groups].")
    ] = ()
    accept_sources: Annotated[tuple[str, ...], Meta(description="Sources (globs) that may be accepted at once.")] = (
        "*",
    )
    accept_new: Annotated[bool, Meta(description="Accept also sources at once that the suite does not hold.")] = False
    second_pair: Annotated[bool, Meta(description="Nobody may accept an upload of their own.")] = False
    largest: Annotated[int, Meta(description="Bytes of a source above which it is warned of.", ge=1)] = 1 << 30
    sections: Annotated[tuple[str, ...], Meta(description="Sections (globs) that no package may be in.")] = ()
    lintian: Annotated[
        tuple[str, ...], Meta(description="Tags of lintian (globs) that reject, also those of the published version.")
    ] = ()

    @property
    def accept_groups(self) -> tuple[str, ...]:
        """Name the groups among those whose uploads may be accepted."""
        return tuple(name.removeprefix("@") for name in self.accept_uploaders if name.startswith("@"))

    def refuses(self, tag: str) -> bool:
        """Say whether a tag of lintian is one that rejects."""
        return any(fnmatchcase(tag, glob) for glob in self.lintian)

    def forbids(self, section: str) -> bool:
        """Say whether a section is one that no package may be in."""
        return any(fnmatchcase(section, glob) for glob in self.sections)


class Finding(Struct, frozen=True):
    """What a rule found: its name and level, what it says, and where the rule comes from."""

    rule: str
    level: Level
    text: str
    source: str


class Judgement(Struct, frozen=True):
    """All findings, the gravest first."""

    findings: tuple[Finding, ...]

    @property
    def mark(self) -> Mark:
        """Give the colour of the gravest."""
        levels = {finding.level for finding in self.findings}
        return "red" if "reject" in levels else "amber" if "warn" in levels else "green"


class Ruling(Struct, frozen=True):
    """What a rule decides without a person: it is recorded as `rule:<name>`."""

    verdict: Literal["accept", "reject"]
    rule: str
    reason: str

    @property
    def by(self) -> str:
        """Say who decided."""
        return f"rule:{self.rule}"
