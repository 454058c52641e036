"""What of a build's results passes: only what the accepted source declared."""

from __future__ import annotations

import pytest

from archive.results import Expected, component_of, declared_by, is_debug, objection

GOOD = {
    "Package": "tiny",
    "Version": "1:1.0",
    "Architecture": "amd64",
    "Maintainer": "Ulla <ulla@example.org>",
    "Description": "tiny",
}
NAME = "tiny_1.0_amd64.deb"
EXPECTED = Expected("tiny", "1:1.0", "amd64", frozenset({"tiny", "tiny-doc"}))
DEBUG = {**GOOD, "Package": "tiny-dbgsym", "Source": "tiny", "Auto-Built-Package": "debug-symbols"}


def test_what_was_declared_passes() -> None:
    assert objection(NAME, GOOD, EXPECTED) == ""
    assert objection("tiny-dbgsym_1.0_amd64.deb", DEBUG, EXPECTED) == ""
    assert is_debug(DEBUG)


def test_a_binary_may_have_a_version_of_its_own() -> None:
    own = {**GOOD, "Source": "tiny (1:1.0)", "Version": "5"}
    assert objection("tiny_5_amd64.deb", own, EXPECTED) == ""


@pytest.mark.parametrize(
    ("name", "changed", "because"),
    [
        ("libc6_1.0_amd64.deb", {"Package": "libc6", "Source": "tiny"}, "does not declare libc6"),
        ("tiny_1.0_amd64.deb", {"Source": "other"}, "its source is other, not tiny"),
        ("tiny_1.0_amd64.deb", {"Source": "tiny (0.9)"}, "its source version is 0.9, not 1:1.0"),
        ("tiny_2.0_amd64.deb", {"Version": "2.0"}, "its source version is 2.0, not 1:1.0"),
        ("tiny_1.0_i386.deb", {"Architecture": "i386"}, "its architecture is i386, not amd64"),
        ("tiny_1.0_all.deb", {"Architecture": "all"}, "its architecture is all, not amd64"),
        ("other.deb", {}, "its file name is other.deb, not tiny_1.0_amd64.deb"),
        (NAME, {"Package-Type": "udeb"}, "Package-Type: udeb"),
        (NAME, {"Maintainer": ""}, "no Maintainer"),
        (NAME, {"Package": "../tiny"}, "malformed"),
        (NAME, {"Source": "tiny 1.0 (x) y"}, "names no source package"),
        ("libc6-dbgsym_1.0_amd64.deb", {**DEBUG, "Package": "libc6-dbgsym"}, "does not declare libc6-dbgsym"),
        ("tiny-dbgsym_1.0_amd64.deb", {**DEBUG, "Auto-Built-Package": ""}, "does not declare tiny-dbgsym"),
    ],
)
def test_what_was_not_is_refused(name: str, changed: dict[str, str], because: str) -> None:
    assert because in objection(name, {**GOOD, **changed}, EXPECTED)


def test_declared_by() -> None:
    listed = "\n tiny deb misc optional arch=any\n tiny-doc deb contrib/doc optional arch=all"
    assert declared_by({"Package-List": listed, "Binary": "x"}) == {"tiny", "tiny-doc"}
    assert declared_by({"Binary": "tiny, tiny-doc"}) == {"tiny", "tiny-doc"}


def test_component_of() -> None:
    assert [component_of(section) for section in ("devel", "contrib/net", "non-free-firmware/kernel", "")] == [
        "main",
        "contrib",
        "non-free-firmware",
        "main",
    ]
