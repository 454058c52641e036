"""Which of the machine's apt sources a base is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemons.building.bases import mirror
from daemons.building.bases.mirror import Target, choose, targets

LISTED = """\
https://vendor.example/apt/\tstable\tstable\tstable\tmain\tVendor\tVendor\t/etc/apt/sources.list.d/v.list:1
http://mirror.example/debian/\tbookworm-updates\toldstable-updates\tbookworm-updates\tmain\tDebian\tDebian\t{0}:1
http://mirror.example/debian/\tbookworm\toldstable\tbookworm\tcontrib\tDebian\tDebian\t{0}:1
http://mirror.example/debian/\tbookworm\toldstable\tbookworm\tmain\tDebian\tDebian\t{0}:1
http://sec.example/debian-security/\tbookworm-security\t$(SUITE)\tbookworm-security\tmain\tDebian\tDebian-Security\t{0}:2
http://back.example/debian/\tbookworm-backports\t\tbookworm-backports\tmain\tDebian\tDebian Backports\t{0}:3
http://other.example/debian/\ttrixie\tstable\ttrixie\tmain\tDebian\tDebian\t{0}:4
"""


def known(file: str = "/etc/apt/sources.list") -> list[Target]:
    return targets(LISTED.format(file))


@pytest.mark.parametrize(
    ("suite", "uri"),
    [
        ("bookworm", "http://mirror.example/debian/"),
        ("oldstable", "http://mirror.example/debian/"),
        ("trixie", "http://other.example/debian/"),
        ("stable", "http://other.example/debian/"),
        ("sid", "http://mirror.example/debian/"),
    ],
)
def test_the_source_of_the_suite_is_taken_else_the_main_mirror(suite: str, uri: str) -> None:
    target = choose(known(), suite)
    assert target is not None
    assert target.uri == uri


def test_security_backports_and_other_vendors_are_no_main_mirror() -> None:
    others = [target for target in known() if target.label != "Debian"]
    assert len(others) == 3
    assert choose(others, "bookworm") is None


def test_a_field_apt_does_not_know_is_empty() -> None:
    assert [target.suite for target in known() if target.label == "Debian-Security"] == [""]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.sources", "Types: deb\nURIs: http://mirror.example/debian\nSuites: x\nSigned-By: /k/mirror.gpg\n"),
        (
            "b.sources",
            "# a comment\nTypes: deb\nURIs: http://x.example/\nSuites: x\nSigned-By: /k/x.gpg\n\n"
            "Types: deb\nURIs: http://mirror.example/debian/\nSuites: x\nSigned-By: /k/mirror.gpg\n",
        ),
        ("c.list", "deb [arch=amd64 signed-by=/k/mirror.gpg] http://mirror.example/debian bookworm main\n"),
    ],
)
def test_the_key_is_the_one_of_the_source(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    target = choose(known(str(tmp_path / name)), "bookworm")
    assert target is not None
    assert mirror._signed_by(target) == Path("/k/mirror.gpg")


def test_an_inline_key_is_left_to_debians_keyring(tmp_path: Path) -> None:
    key = " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n -----END PGP PUBLIC KEY BLOCK-----"
    (tmp_path / "a.sources").write_text(f"Types: deb\nURIs: http://mirror.example/debian\nSigned-By:\n{key}\n")
    target = choose(known(str(tmp_path / "a.sources")), "bookworm")
    assert target is not None
    assert mirror._signed_by(target) is None
