"""Who needs what an upload would drop, by the indices that the suite publishes."""

from __future__ import annotations

from collections.abc import Iterable

from archive import stanzas
from archive.catalogue import Catalogue, Place
from archive.stanzas import SOURCE, Stanza
from queues.values import Suite
from review.evidence import lookup
from review.evidence.values import Dependent


class Rows(tuple[Stanza, ...]):
    """An index that is read already."""

    def named(self, names: Iterable[str]) -> list[Stanza]:
        return [stanza for stanza in self if stanza.package in {*names}]


def binary(package: str, source: str, depends: str) -> Stanza:
    fields = {"Package": package, "Source": source, "Version": "1.0", "Architecture": "amd64", "Depends": depends}
    return stanzas.binary(fields, f"pool/main/{package}.deb", 1, "0" * 64)


def source(name: str, needs: str) -> Stanza:
    text = f"Package: {name}\nVersion: 1.0\nBuild-Depends-Indep: {needs}\n".encode()
    return Stanza(name, "1.0", SOURCE, name, "1.0", text)


CATALOGUE = Catalogue(
    Suite("demo", architectures=("amd64",)),
    {
        Place("demo", "main", "amd64"): Rows(
            [
                binary("pkg-tools", "pkg", "pkg-doc"),
                binary("other", "other", "libc6 (>= 2.36), pkg-doc (>= 1) | pkg-html"),
                binary("near", "near", "pkg-doc-extra"),
            ]
        ),
        Place("demo", "main", SOURCE): Rows(
            [source("builds", "debhelper, pkg-doc:any <!nocheck>"), source("pkg", "pkg-doc")]
        ),
    },
)


def test_binaries_and_sources_of_others_that_need_it_are_named() -> None:
    assert lookup.dependents(CATALOGUE, "pkg", frozenset({"pkg-doc"})) == (
        Dependent("other", "other", "pkg-doc"),
        Dependent("src:builds", "builds", "pkg-doc"),
    )


def test_where_nothing_is_dropped_nobody_is_asked() -> None:
    assert lookup.dependents(CATALOGUE, "pkg", frozenset()) == ()
