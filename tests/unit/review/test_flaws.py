"""What is odd about a .dsc."""

from __future__ import annotations

from typing import Any

import pytest

from review.evidence import flaws, unfit

DSC = {
    "Format": "3.0 (quilt)",
    "Source": "pkg",
    "Version": "1.1-1",
    "Maintainer": "Ulla <ulla@example.org>",
    "Standards-Version": "4.6.2",
    "Homepage": "https://example.org",
    "Vcs-Git": "https://example.org/pkg.git",
    "Build-Depends": "debhelper-compat (= 13)",
    "Binary": "pkg",
    "Package-List": "\n pkg deb misc optional arch=any",
}
CONTROL = "Source: pkg\nBuild-Depends: debhelper-compat (= 13)\n\nPackage: pkg\nArchitecture: any\n"
CHANGELOG = "pkg (1.1-1) demo; urgency=low\n\n  * It.\n\n -- Ulla <ulla@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n"


def found(fields: dict[str, str], *, signed: bool = True, warnings: tuple[str, ...] = (), **texts: str) -> str:
    """What is said of a .dsc with these fields, of a source with these texts."""
    inside = {"control": CONTROL, "changelog": CHANGELOG, **texts}
    return "; ".join(one.words for one in flaws.of_source({**DSC, **fields}, signed, inside, warnings))


def test_a_usual_one_has_nothing_odd() -> None:
    assert found({}) == ""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Standards-Version": ""}, "no Standards-Version"),
        ({"Standards-Version": "3.9.8"}, "3.9.8 is older than 4"),
        ({"Homepage": ""}, "no Homepage"),
        ({"Maintainer": ""}, "no mail address"),
        ({"Format": "1.0"}, "source format 1.0"),
        ({"Format": "3.0 (native)"}, "has a Debian revision"),
        ({"Version": "1.1-2"}, "debian/changelog is at 1.1-1, the .dsc at 1.1-2"),
        ({"Package-List": "\n other deb misc optional arch=any"}, "only in the .dsc and not in debian/control: other"),
        ({"Build-Depends": "debhelper-compat (= 13), curl"}, "not in debian/control: curl"),
    ],
)
def test_what_is_odd_is_said(fields: dict[str, Any], words: str) -> None:
    assert words in found(fields)


def test_each_has_its_source() -> None:
    assert all(one.source for one in flaws.of_source({}, False, {"control": "", "changelog": ""}, ("x",)))


def test_a_source_that_was_not_unpacked_is_judged_by_its_dsc_alone() -> None:
    assert flaws.of_source(DSC, True, {}, ()) == ()


def test_what_is_inside_is_compared_with_what_the_dsc_says() -> None:
    assert "of the source other" in found({}, control=CONTROL.replace("Source: pkg", "Source: other"))
    assert "only in debian/control and not in the .dsc: pkg-x" in found({}, control=f"{CONTROL}\nPackage: pkg-x\n")
    assert "cannot be read" in found({}, control="\0 rubbish")
    assert "no entry that can be read" in found({}, changelog="rubbish")


def test_no_signature_and_warnings_are_said() -> None:
    assert "no signature of its own" in found({}, signed=False)
    warnings = unfit.warnings(
        "dpkg-source: info: fine\ndpkg-source: warning: odd thing\ndpkg-source: warning: odd thing\n"
    )
    assert found({}, warnings=warnings) == "dpkg-source warns: odd thing"
