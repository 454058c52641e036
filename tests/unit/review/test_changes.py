from __future__ import annotations

import pytest

from review.inspection import changes
from review.refusal import Refusal

SHA, MD5 = "0" * 64, "0" * 32
FIELDS = {
    "Format": "1.8",
    "Source": "tiny",
    "Architecture": "source",
    "Version": "1:1.0-1",
    "Distribution": "demo",
    "Maintainer": "Alice <alice@example.org>",
    "Changed-By": "Bob <bob@example.org>",
    "Changes": "\n tiny (1:1.0-1) demo; urgency=low\n .\n   * Änderung.",
    "Checksums-Sha256": f"\n {SHA} 10 tiny_1.0-1.dsc\n {SHA} 20 tiny_1.0-1.debian.tar.xz",
    "Files": f"\n {MD5} 10 misc optional tiny_1.0-1.dsc\n {MD5} 20 misc optional tiny_1.0-1.debian.tar.xz",
}
NAME = "tiny_1.0-1_source.changes"


def text(**changed: str) -> bytes:
    fields = {**FIELDS, **{name.replace("_", "-"): value for name, value in changed.items()}}
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value).encode()


def listed(*names: str) -> dict[str, str]:
    """The two lists of files, naming these besides the .dsc."""
    every = ("tiny_1.0-1.dsc", *names)
    return {
        "Checksums_Sha256": "".join(f"\n {SHA} 10 {name}" for name in every),
        "Files": "".join(f"\n {MD5} 10 misc optional {name}" for name in every),
    }


def test_what_it_says() -> None:
    found = changes.read(text(), NAME)
    assert (found.source, found.version, found.component) == ("tiny", "1:1.0-1", "main")
    assert found.dsc.name == "tiny_1.0-1.dsc"
    assert [ref.size for ref in found.files] == [10, 20]


@pytest.mark.parametrize(
    "names",
    [
        ("tiny_1.0.orig.tar.gz", "tiny_1.0.orig.tar.gz.asc", "tiny_1.0.orig-docs.tar.xz", "tiny_1.0-1.debian.tar.zst"),
        ("tiny_1.0-1.diff.gz", "tiny_1.0-1_source.buildinfo"),
        ("tiny_1.0-1.tar.bz2",),
    ],
)
def test_files_of_a_source(names: tuple[str, ...]) -> None:
    assert len(changes.read(text(**listed(*names)), NAME).files) == len(names) + 1


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "tiny_1.0-1_amd64.deb",
        "other_1.0-1.debian.tar.xz",
        "tiny_1.1.orig.tar.gz",
        "tiny_1.0-2.dsc",
        ".hidden",
        "tiny_1.0-1.debian.tar.xz/x",
        "tiny_1.0-1_" + "x" * 200 + ".buildinfo",
    ],
)
def test_files_that_are_none_of_this_source(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        changes.read(text(**listed(name)), NAME)
    assert caught.value.rule == "files"


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"Source": "Tiny"}, "fields"),
        ({"Source": "tiny (1.0)"}, "fields"),
        ({"Source": ""}, "fields"),
        ({"Version": "1_0"}, "fields"),
        ({"Version": "1.0-1/.."}, "fields"),
        ({"Version": "1." + "0" * 250}, "fields"),
        ({"Maintainer": ""}, "fields"),
        ({"Maintainer": "A" * 300}, "text"),
        ({"Maintainer": "Alice\n continued <alice@example.org>"}, "text"),
        ({"Changed_By": "Bob \x9b31m"}, "text"),
        ({"Changed_By": "Bob \u202egro.elpmaxe"}, "text"),
        ({"Changes": "\n a\x00b"}, "text"),
        ({"Changes": "\n a\rb"}, "text"),
        ({"Architecture": "amd64"}, "source-only"),
        ({"Architecture": "source all"}, "source-only"),
        ({"Distribution": "unreleased"}, "suite"),
        ({"Files": f"\n {MD5} 10 misc optional tiny_1.0-1.dsc"}, "files"),
        ({"Files": FIELDS["Files"].replace(" 20 ", " 21 ")}, "files"),
        ({"Files": FIELDS["Files"] + f"\n {MD5} 10 misc optional tiny_1.0-1.dsc"}, "files"),
        ({"Checksums_Sha256": FIELDS["Checksums-Sha256"] + f"\n {SHA} 10 tiny_1.0-1.dsc"}, "files"),
        ({"Checksums_Sha256": FIELDS["Checksums-Sha256"].replace(" 20 ", " -20 ")}, "files"),
        ({"Checksums_Sha256": ""}, "files"),
    ],
)
def test_what_is_refused(changed: dict[str, str], rule: str) -> None:
    with pytest.raises(Refusal) as caught:
        changes.read(text(**changed), NAME)
    assert caught.value.rule == rule


def test_a_changes_that_is_named_after_something_else() -> None:
    with pytest.raises(Refusal, match=r"tiny_1\.0-1_"):
        changes.read(text(), "other_1.0-1_source.changes")


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(Refusal, match="not UTF-8"):
        changes.read(text() + b"X: \xff\n", NAME)
