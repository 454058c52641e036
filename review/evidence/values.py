"""The evidence of an upload as values: frozen structs, as they stand in the file `evidence/facts` of its entry.

A struct's fields are the file format: a field is added with a default, never renamed and never reused. Whoever reads
them decides; nothing here is a judgement.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from queues.names import Key
from queues.values import Fingerprint

Became = Literal["waiting", "rejected", "on its way", "failed", "published"]
Change = Literal["added", "removed", "changed"]
Kind = Literal["packaging", "upstream", "generated", "binary"]
Unfit = Literal["too-large", "too-long", "too-many-files", "too-deep", "device", "climbs-out", "patch", "unpack"]


class Earlier(Struct, frozen=True):
    """An earlier upload of this source, or by this signer, that the queues still know: what became of it."""

    source: str
    version: str
    suite: str
    signed_by: str
    became: Became
    at: datetime


class Who(Struct, frozen=True):
    """Whose upload it is. `key` is `good`, or says why the signer's key or right does not count now.

    `uploader` is the account that carried it, `signer_name` the uploader whose key signed it, empty when nobody's.
    """

    uploader: str
    signer: Fingerprint
    signed_by: str
    key: str
    maintainer: str
    changed_by: str
    non_maintainer: bool
    sponsored: bool
    signer_name: str = ""
    earlier: tuple[Earlier, ...] = ()


class Binary(Struct, frozen=True):
    """A binary package that a source makes, as its Package-List says (dsc(5))."""

    name: str
    section: str
    priority: str
    architectures: tuple[str, ...]


class What(Struct, frozen=True):
    """What it brings against what the suite holds; `published` is empty for a new source.

    `changelog` has the entries above the published version, `closes` the bugs that the .changes closes. `moved` are
    binary packages whose section or priority is another now, in words. `size` is that of all files, in bytes; `others`
    are the versions of other suites. `upstream` says how it stands with upstream's signature, empty without its key.
    """

    source: str
    version: str
    published: str
    suite: str
    distribution: str
    component: str
    format: str
    urgency: str
    closes: tuple[str, ...]
    changelog: str
    changelog_distribution: str
    binaries: tuple[Binary, ...]
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    moved: tuple[str, ...]
    depends_added: tuple[str, ...]
    depends_dropped: tuple[str, ...]
    size: int
    others: dict[str, str] = {}
    rules_requires_root: str = ""
    upstream: str = ""


class Part(Struct, frozen=True):
    """A part of the difference, counted in files and lines."""

    files: int = 0
    added: int = 0
    removed: int = 0


class Difference(Struct, frozen=True):
    """The difference to the published source, counted; the text is in `diff`, page by page (`review.evidence.pages`).

    `whole` is false when it is longer than the limit and its end was left out. `sha256` are of `diff` and `index`.
    """

    parts: dict[Kind, Part]
    files: dict[Change, int]
    lines: int
    whole: bool
    sha256: tuple[str, str]


class Sign(Struct, frozen=True):
    """Something that matters for trust: its kind, its file, the line of the diff, and what stands there."""

    kind: str
    path: str
    words: str
    line: int = 0


class Tag(Struct, frozen=True):
    """A tag of lintian: `level` is its letter (E, W, I, P, X, C; O: overridden by the package itself).

    `new`: the published version does not have it.
    """

    level: str
    name: str
    words: str
    new: bool


class Licences(Struct, frozen=True):
    """What debian/copyright says, against the files and against the published one's; lists are cut, and say so.

    `files` counts them by licence; `uncovered` are those of which nothing is said. `added`, `dropped` and `texts` name
    licences: new, gone, with another text. `changed` and `contradicted` are sentences: a file's licence is another than
    before, or other than the file itself says (SPDX). `problem`: why nothing, or not all, was compared.
    """

    problem: str = ""
    files: dict[str, int] = {}
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()


class Flaw(Struct, frozen=True):
    """Something odd about the .dsc, in words, and the section of the policy or the manual page that it comes from."""

    words: str
    source: str


class Dependent(Struct, frozen=True):
    """A published binary package that needs one which would be dropped; or a source, `src:NAME`, to be built."""

    package: str
    source: str
    needs: str


class Consequences(Struct, frozen=True):
    """What follows: what is built, which build dependencies cannot be had where, who loses a dependency."""

    architectures: tuple[str, ...]
    missing: dict[str, str] = {}
    dependents: tuple[Dependent, ...] = ()


class Trouble(Struct, frozen=True):
    """Why the source was not looked into: it cannot be unpacked, or not within the limits."""

    rule: Unfit
    words: str


class Evidence(Struct, frozen=True):
    """All of it. `trouble` is there when the source could not be unpacked; then there is no difference.

    `lintian` is None where lintian could not be asked; `lintian_trouble` says why, or why what it said is not all.
    It looks last, for it takes long: `awaits_lintian` while it has not, and then no rule decides.
    `environment` names the base of the sandbox.
    """

    upload: Key
    gathered: datetime
    environment: str
    who: Who
    what: What
    difference: Difference | None
    signs: tuple[Sign, ...]
    lintian: tuple[Tag, ...] | None
    consequences: Consequences
    trouble: Trouble | None = None
    lintian_trouble: str = ""
    awaits_lintian: bool = False
    licences: Licences | None = None
    flaws: tuple[Flaw, ...] = ()
