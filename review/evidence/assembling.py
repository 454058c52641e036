"""The evidence put together: what the signed papers say, what the archive and queues know, and what the sandbox saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from archive.repository import Repository
from queues import control
from queues.layout import Spool
from queues.values import Suite, Upload
from review import planning, standing
from review.evidence import changelog, lookup, packages
from review.evidence.lookup import Source
from review.evidence.values import Consequences, What, Who
from review.inspection import dsc
from review.people import People
from review.refusal import Refusal


class Case(Struct, frozen=True):
    """An upload, the directory of its entry, its suite, and the two sources; `old` is None for a new one."""

    upload: Upload
    entry: Path
    suite: Suite
    new: Source
    old: Source | None


def case(upload: Upload, entry: Path, suite: Suite, repository: Repository) -> Case:
    """Find what is to be compared. Raises FileNotFoundError when the entry moved on."""
    old = lookup.published(repository.catalogue(suite.name), repository.root, upload.source)
    return Case(upload, entry, suite, lookup.uploaded(entry, upload), old)


def is_signed(source: Source) -> bool:
    """Say whether a .dsc carries a signature; whose it is and what it is worth is not looked at (rule 2)."""
    return source.files[0].read_bytes().lstrip().startswith(b"-----BEGIN PGP SIGNED MESSAGE")


def who(one: Case, spool: Spool, people: People, now: datetime) -> Who:
    """Say whose upload it is."""
    upload = one.upload
    authors = set(dsc.addresses(upload.changed_by or upload.maintainer))
    maintainers = set(dsc.addresses(one.new.fields.get("Maintainer", ""), one.new.fields.get("Uploaders", "")))
    signer = people.by_fingerprint(upload.signer)
    return Who(
        uploader=upload.uploader,
        signer=upload.signer,
        signed_by=upload.signed_by,
        key=standing.doubt(people, upload, now) or "good",
        maintainer=upload.maintainer,
        changed_by=upload.changed_by,
        non_maintainer=not authors & maintainers,
        sponsored=not authors & set(dsc.addresses(upload.signed_by)),
        signer_name=signer.name if signer else "",
        earlier=standing.earlier(spool, upload),
    )


def what(one: Case, repository: Repository, texts: Mapping[str, str], upstream: str) -> What:
    """Say what it brings; `texts` has `changelog` and `control` as far as the sandbox saw them."""
    upload, changes = one.upload, lookup.signed(one.entry, one.upload)
    before: Mapping[str, str] = one.old.fields if one.old else {}
    old, new = packages.binaries(before), packages.binaries(one.new.fields)
    needed, needs = packages.depends(before), packages.depends(one.new.fields)
    entries = changelog.read(texts.get("changelog", ""))
    published = one.old.version if one.old else ""
    return What(
        source=upload.source,
        version=upload.version,
        published=published,
        suite=upload.suite,
        distribution=upload.distribution,
        component=upload.component,
        format=one.new.fields.get("Format", "").strip(),
        urgency=changes.get("Urgency", "").strip().lower(),
        closes=tuple(changes.get("Closes", "").split()),
        changelog=changelog.above(entries, published) or changes.get("Changes", "").strip(),
        changelog_distribution=entries[0].distribution if entries else "",
        binaries=new,
        added=packages.added(old, new) if one.old else (),
        dropped=packages.added(new, old),
        moved=packages.moved(old, new),
        depends_added=packages.without(needs, needed) if one.old else (),
        depends_dropped=packages.without(needed, needs),
        size=sum(ref.size for ref in upload.files),
        others=_others(upload, repository),
        rules_requires_root=_source_stanza(texts.get("control", "")).get("Rules-Requires-Root", "").strip(),
        upstream=upstream,
    )


def consequences(one: Case, dropped: Sequence[str], repository: Repository) -> Consequences:
    """Say what follows for architectures and for those who need what would be dropped."""
    try:
        planned = planning.architectures(one.entry / "files", one.upload, one.suite)
    except Refusal:
        planned = ()  # the suite's rules changed since
    lost = lookup.dependents(repository.catalogue(one.suite.name), one.upload.source, frozenset(dropped))
    return Consequences(planned, {}, lost)


def _others(upload: Upload, repository: Repository) -> dict[str, str]:
    found = {name: repository.catalogue(name).version_of(upload.source) for name in repository.suites}
    return {name: version for name, version in found.items() if version and name != upload.suite}


def _source_stanza(text: str) -> Mapping[str, str]:
    try:
        return next(iter(control.paragraphs(text.encode(errors="replace"))), {})
    except control.Malformed:
        return {}
