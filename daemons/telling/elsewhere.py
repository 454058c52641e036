"""What is known of a name besides the queues: what suites have published, binary packages, what was not taken."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from archive.catalogue import Extract
from archive.stanzas import Stanza
from daemons.receiving.answered import SUFFIX, Answered
from daemons.reporting import depwait
from daemons.sites import Site
from daemons.telling.chapter import Chapter
from queues.names import Key


def published(site: Site, wanted: str, told: Collection[str]) -> Iterator[Chapter]:
    """Tell of each suite that has a source or binary of this name, but for versions of the source that were `told`."""
    name, _, version = wanted.partition("_")
    for suite in sorted(site.settings.suites):
        extract = site.repository.catalogue(suite).about((name,), (name,))
        for source in extract.sources():
            if source.package == name and version in ("", source.version) and source.version not in told:
                yield _source(suite, source, extract)
        yield from _binaries(suite, name, version, extract) if not told else ()


def coming(site: Site, wanted: str) -> Iterator[tuple[str, Chapter]]:
    """Tell of each upload under way that would make a binary package, with its `source_version`."""
    for place in depwait.under_way(site.spool):
        one = depwait.offer(place, {wanted.encode()})
        if one and wanted in one.packages:
            title, where = f"{wanted}: a binary package of {one.id}", f"would come with {one.id}, now in {one.place}"
            yield one.id, Chapter(Key(""), title, "dists", one.suite, where, [], "", [])


def sources_of(site: Site, wanted: str) -> list[str]:
    """Name, as `source_version`, what a published binary package was made of."""
    name, _, version = wanted.partition("_")
    found = [
        f"{stanza.source}_{stanza.source_version}"
        for suite in site.settings.suites
        for stanza in site.repository.catalogue(suite).about((), (name,)).binaries()
        if stanza.package == name and version in ("", stanza.version)
    ]
    return [*dict.fromkeys(found)]


def at_the_door(site: Site, wanted: str) -> Iterator[Chapter]:
    """Tell what the intake last answered about files of this name that are in no queue: refused, or waiting."""
    status = site.run / "status"
    answered = Answered(status)
    name, _, version = wanted.removesuffix(".changes").removesuffix("_source").partition("_")
    for account in sorted(path.name for path in status.iterdir()) if status.is_dir() else ():
        for report in sorted(answered.times(account)):
            source, _, of = report.removesuffix(SUFFIX).partition("_")
            if source == name and version in ("", of) and (said := answered.said(account, report)):
                at, _, words = said.partition("\n")
                yield _answered(account, report, at, words)


def _source(suite: str, source: Stanza, extract: Extract) -> Chapter:
    built = sorted({one.architecture for one in extract.binaries_of(source.package) if _is_of(one, source)})
    notes = ["only binaries of other sources still need it"] if source.extra else []
    notes.append("no record of its upload is left: it was put away, imported, or promoted from another suite")
    where = f"is published, built for {', '.join(built)}" if built else "is published, without binaries"
    title = f"{source.package} {source.version}: the published source"
    return Chapter(Key(""), title, "dists", suite, where, notes, "", [])


def _binaries(suite: str, name: str, version: str, extract: Extract) -> Iterator[Chapter]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for one in extract.binaries():
        if one.package == name and version in ("", one.version):
            found.setdefault((one.version, one.source, one.source_version), []).append(one.architecture)
    for (of, source, source_version), architectures in found.items():
        title = f"{name} {of}: a binary package of {source} {source_version}"
        where = f"is published for {', '.join(sorted({*architectures}))}"
        yield Chapter(Key(""), title, "dists", suite, where, [], f"'debmill why {source}' tells of its source", [])


def _is_of(binary: Stanza, source: Stanza) -> bool:
    return (binary.source, binary.source_version) == (source.package, source.version)


def _answered(account: str, report: str, at: str, words: str) -> Chapter:
    said = [line.removeprefix("debmill: ") for line in words.strip().splitlines()]
    waits = said[0].startswith("waiting ") if said else False
    meaning = "is not taken yet" if waits else "was not taken"
    remedy = "it is taken when the rest has come" if waits else "it may be sent again when that is mended"
    title = f"{report.removesuffix(SUFFIX)}: what {account} sent"
    at = at.removesuffix(" UTC").replace(" ", "T") + "+00:00"
    return Chapter(Key(""), title, "uploading", account, meaning, said, remedy, [], at)
