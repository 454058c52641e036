"""The decision of an inclusion: what stays, what goes, what is refused."""

from __future__ import annotations

import pytest

from archive import stanzas
from archive.catalogue import Extract, Place, places_of
from archive.inclusion import Arrival, Built, Change, Refusal, plan_inclusion
from archive.stanzas import Stanza
from queues.values import Suite

SUITE = Suite("demo", architectures=("amd64", "i386"), components=("main", "contrib"), dbgsym="same")
AMD64, I386 = Place("demo", "main", "amd64"), Place("demo", "main", "i386")
SOURCES = Place("demo", "main", "source")


def source(name: str, version: str) -> Stanza:
    fields = {"Source": name, "Version": version, "Architecture": "any", "Files": "\n a 1 a"}
    return stanzas.source(fields, "pool/main/x", "misc", {"Files": "b 1 b"})


def binary(name: str, version: str, architecture: str, of: str = "tiny") -> Stanza:
    fields = {"Package": name, "Source": of, "Version": version, "Architecture": architecture}
    return stanzas.binary(fields, f"pool/{name}_{version}_{architecture}.deb", 1, "0" * 64)


def arrival(version: str, *binaries: Stanza, meant_for: str = "any all", name: str = "tiny") -> Arrival:
    built = frozenset(stanza.architecture for stanza in binaries)
    places = tuple(Built("demo", "main", stanza) for stanza in binaries)
    return Arrival(name, version, "main", source(name, version), meant_for, built, places)


EMPTY = Extract(SUITE, dict.fromkeys(places_of(SUITE, "demo"), ()))


def after(extract: Extract, *arrivals: Arrival) -> Extract:
    for one in arrivals:
        change = plan_inclusion(extract, one)
        assert isinstance(change, Change), change
        extract = change.to(extract)
    return extract


def names(extract: Extract, place: Place) -> list[str]:
    return [f"{stanza.package} {stanza.version}" for stanza in extract.indices[place]]


ONE = arrival("1.0", binary("tiny", "1.0", "amd64"), binary("tiny", "1.0", "i386"), binary("tiny-doc", "1.0", "all"))


def test_a_package_for_all_stands_in_every_index() -> None:
    found = after(EMPTY, ONE)
    assert names(found, AMD64) == names(found, I386) == ["tiny 1.0", "tiny-doc 1.0"]
    assert names(found, SOURCES) == ["tiny 1.0"]
    assert {stanza.architecture for stanza in found.binaries_of("tiny")} == {"amd64", "i386", "all"}
    assert found.owner("tiny-doc") == "tiny"


def test_again_changes_nothing() -> None:
    assert plan_inclusion(after(EMPTY, ONE), ONE) == Change({})


def test_what_was_not_built_stays_and_keeps_its_source() -> None:
    found = after(EMPTY, ONE, arrival("2.0", binary("tiny", "2.0", "amd64")))
    assert names(found, AMD64) == ["tiny 2.0", "tiny-doc 1.0"]
    assert names(found, I386) == ["tiny 1.0", "tiny-doc 1.0"]
    old, new = found.indices[SOURCES]
    assert (old.version, old.extra, new.version, new.extra) == ("1.0", True, "2.0", False)
    assert found.version_of("tiny") == "2.0"


def test_a_late_build_lets_the_older_source_go() -> None:
    two = (binary("tiny", "2.0", "amd64"), binary("tiny", "2.0", "i386"), binary("tiny-doc", "2.0", "all"))
    found = after(EMPTY, ONE, arrival("2.0", two[0]), arrival("2.0", two[1]), arrival("2.0", two[2]))
    assert names(found, I386) == ["tiny 2.0", "tiny-doc 2.0"]
    assert names(found, SOURCES) == ["tiny 2.0"]


def test_what_the_source_is_no_longer_meant_for_goes() -> None:
    found = after(EMPTY, ONE, arrival("2.0", binary("tiny", "2.0", "amd64"), meant_for="amd64"))
    assert names(found, I386) == []
    assert names(found, AMD64) == ["tiny 2.0"]
    assert names(found, SOURCES) == ["tiny 2.0"]


def test_wildcards_say_what_the_source_is_meant_for() -> None:
    found = after(EMPTY, ONE, arrival("2.0", binary("tiny", "2.0", "amd64"), meant_for="linux-any"))
    assert names(found, I386) == ["tiny 1.0"]


def test_a_package_that_the_new_version_does_not_build_goes() -> None:
    more = arrival("1.0", binary("tiny", "1.0", "amd64"), binary("tiny-old", "1.0", "amd64"))
    assert names(after(EMPTY, more, arrival("2.0", binary("tiny", "2.0", "amd64"))), AMD64) == ["tiny 2.0"]


def test_a_package_that_was_for_all_stands_once() -> None:
    for_all = arrival("1.0", binary("tiny", "1.0", "all"))
    assert names(after(EMPTY, for_all, arrival("2.0", binary("tiny", "2.0", "amd64"))), AMD64) == ["tiny 2.0"]


def test_other_sources_are_left_alone() -> None:
    other = arrival("3.0", binary("other", "3.0", "amd64", of="other"), name="other")
    found = after(EMPTY, other, ONE)
    assert names(found, AMD64) == ["other 3.0", "tiny 1.0", "tiny-doc 1.0"]
    assert names(found, SOURCES) == ["other 3.0", "tiny 1.0"]


@pytest.mark.parametrize(
    ("refused", "because"),
    [
        (arrival("0.9", binary("tiny", "0.9", "amd64")), "demo has 1.0; no version is ever lowered"),
        (arrival("1.0~rc1", binary("tiny", "1.0~rc1", "amd64")), "no version is ever lowered"),
        (arrival("2.0", binary("tiny", "0.5", "amd64")), "tiny 0.5: demo has 1.0; no version is ever lowered"),
        (arrival("1.0", binary("tiny-doc", "9", "amd64", of="thief"), name="thief"), "belongs to the source tiny"),
        (arrival("2.0", binary("tiny", "2.0", "riscv64")), "demo has no architecture riscv64"),
    ],
)
def test_refused(refused: Arrival, because: str) -> None:
    outcome = plan_inclusion(after(EMPTY, ONE), refused)
    assert isinstance(outcome, Refusal)
    assert because in outcome.reason


def test_an_epoch_raises_the_version() -> None:
    assert names(after(EMPTY, ONE, arrival("1:0.1", binary("tiny", "1:0.1", "amd64"))), AMD64)[0] == "tiny 1:0.1"


def test_a_component_the_suite_lacks_is_refused() -> None:
    strange = Arrival("tiny", "1.0", "non-free", source("tiny", "1.0"), "any", frozenset(), ())
    outcome = plan_inclusion(EMPTY, strange)
    assert isinstance(outcome, Refusal)
    assert "no component non-free" in outcome.reason


def test_a_source_that_moves_to_another_component_stands_once() -> None:
    moved = Arrival("tiny", "2.0", "contrib", source("tiny", "2.0"), "all", frozenset(), ())
    found = after(EMPTY, arrival("1.0"), moved)
    assert names(found, SOURCES) == []
    assert names(found, Place("demo", "contrib", "source")) == ["tiny 2.0"]
