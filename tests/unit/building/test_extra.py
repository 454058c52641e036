"""A suite's extra sources and preferences, as files that tell apt of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemons.building.environment import Broken
from daemons.building.layers.extra import Extra
from daemons.building.layers.resolving import origin_key

BLOCK = "Signed-By: -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n -----END PGP PUBLIC KEY BLOCK-----\n"
SOURCE = "Types: deb\nURIs: http://127.0.0.1/x\nSuites: x\nComponents: main\n"


def test_nothing_is_told_of_nothing() -> None:
    assert Extra().files() == ()
    assert origin_key("base", Extra().files()) == "base"


def test_a_key_is_brought_along_or_stands_in_the_source(tmp_path: Path) -> None:
    key = tmp_path / "vendor.asc"
    key.write_bytes(b"a key")
    brought, sources = Extra(f"{SOURCE}Signed-By: {key}\n\n{SOURCE}{BLOCK}").files()
    assert (brought.path, brought.content) == ("/etc/apt/keyrings/suite-0.asc", b"a key")
    text = sources.content.decode()
    assert text.count("Signed-By: ") == 2
    assert f"Signed-By: {brought.path}\n" in text
    assert "\n mQ==\n" in text


def test_lists_are_others_when_the_sources_the_keys_or_the_preferences_are(tmp_path: Path) -> None:
    key = tmp_path / "vendor.asc"
    key.write_bytes(b"a key")
    sources = f"{SOURCE}Signed-By: {key}\n"
    keys = [
        origin_key("base", Extra().files()),
        origin_key("base", Extra(sources).files()),
        origin_key("base", Extra(sources.replace("/x", "/y")).files()),
        origin_key("base", Extra(sources, "Package: *\nPin: release *\nPin-Priority: 1\n").files()),
    ]
    key.write_bytes(b"another key")
    keys.append(origin_key("base", Extra(sources).files()))
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (SOURCE, "each needs Signed-By"),
        (f"{SOURCE}Signed-By: vendor.asc\n", "each needs Signed-By"),
        (f"{SOURCE}Signed-By: /nonexistent/vendor.asc\n", "/nonexistent/vendor.asc, which the suite's setting"),
        ("nothing of the kind", "cannot be read"),
    ],
)
def test_what_cannot_be_trusted_or_read_says_so(sources: str, words: str) -> None:
    with pytest.raises(Broken, match=words):
        Extra(sources).files()
