"""What a source needs, what apt chose, and when two of these are the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.dscfile import NotADsc
from daemons.building.environment import LocalArchive
from daemons.building.resolving import Chosen, archives_key, choice_key, chosen, layer_key, needed, state_key
from queues.control import Malformed

# what apt 2.6 prints for `apt-get -q -y --simulate build-dep`
SAID = """\
Reading package lists...
Building dependency tree...
The following packages will be REMOVED:
  fakeroot libfakeroot
The following NEW packages will be installed:
  libmagic1 tool
Remv fakeroot [1.31-1.2]
Remv libfakeroot [1.31-1.2]
Inst zlib1g [1:1.2.13.dfsg-1] (1:1.2.13.dfsg-2 Debian:12.12/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst libmagic1 (1:5.44-3 Debian:12.12/oldstable [amd64])
Inst tool (2 local:local [all]) []
Conf libmagic1 (1:5.44-3 Debian:12.12/oldstable [amd64])
"""
DSC = """\
Format: 3.0 (quilt)
Source: x
Binary: x
Architecture: any
Version: 1.0-1
Build-depends: debhelper-compat (= 13), libmagic-dev [amd64] <!nocheck>,
 tool
Build-Conflicts-Indep: fakeroot
Checksums-Sha256:
 00 1 x.tar.xz
"""
KEPT = b"""\
Format: 1.0
Source: needed
Binary: needed
Architecture: any
Version: 1
Build-Depends: debhelper-compat (= 13), libmagic-dev [amd64] <!nocheck>,
 tool
Build-Conflicts-Indep: fakeroot
"""


def test_apt_gets_the_build_dependencies_and_nothing_else() -> None:
    assert needed(DSC.encode()) == KEPT
    signed = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{DSC}\n-----BEGIN PGP SIGNATURE-----\n\nx\n"
    assert needed(f"{signed}-----END PGP SIGNATURE-----\n".encode()) == KEPT
    other = DSC.replace("1.0-1", "2.0-1").replace("Source: x", "Source: y")
    assert needed(other.encode()) == KEPT


@pytest.mark.parametrize("text", [DSC + "\n" + DSC, DSC + "Build-Depends: other\n", ""])
def test_what_can_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises((NotADsc, Malformed)):
        needed(text.encode())


def test_a_choice_names_packages_versions_and_whose_they_are() -> None:
    choice = chosen(SAID)
    assert choice.installed == (
        "libmagic1 1:5.44-3 amd64 Debian",
        "tool 2 all local",
        "zlib1g 1:1.2.13.dfsg-2 amd64 Debian Debian-Security",
    )
    assert choice.removed == ("fakeroot", "libfakeroot")
    assert choice.in_words[0] == "libmagic1 1:5.44-3"
    assert choice.in_words[-1] == "without libfakeroot"
    assert not choice.nothing
    assert chosen("Reading package lists...\n").nothing


def test_a_layer_is_another_one_for_every_package_version_and_base() -> None:
    same = layer_key("base", chosen(SAID))
    assert layer_key("base", chosen("\n".join(reversed(SAID.splitlines())))) == same
    assert layer_key("base", chosen(SAID.replace("12.12", "12.13"))) == same  # a point release that left them alone
    others = [
        layer_key("other", chosen(SAID)),
        layer_key("base", chosen(SAID.replace("tool (2 ", "tool (3 "))),
        layer_key("base", chosen(SAID.replace("local:local", "other:other"))),
        layer_key("base", chosen(SAID.replace("Remv fakeroot", "#"))),
        layer_key("base", Chosen(removed=chosen(SAID).installed, installed=chosen(SAID).removed)),
    ]
    assert len({same, *others}) == 1 + len(others)


def test_a_choice_is_asked_for_again_when_anything_apt_knows_has_changed() -> None:
    asked = [
        choice_key("base", ["indices"], ["apt-get", "--arch-only"], KEPT),
        choice_key("other", ["indices"], ["apt-get", "--arch-only"], KEPT),
        choice_key("base", ["changed"], ["apt-get", "--arch-only"], KEPT),
        choice_key("base", ["indices"], ["apt-get", "--indep-only"], KEPT),
        choice_key("base", ["indices"], ["apt-get", "--arch-only"], KEPT.replace(b"tool", b"tool (>= 2)")),
    ]
    assert len(set(asked)) == len(asked)


def test_indices_are_others_when_a_release_or_an_archive_is_another() -> None:
    archive = LocalArchive(Path("/a"), "stable", ("main",), Path("/k"), "snapshots/1")
    keys = [
        archives_key("mirror", [(archive, b"key", b"release")]),
        archives_key("other", [(archive, b"key", b"release")]),
        archives_key("mirror", [(archive, b"other", b"release")]),
        archives_key("mirror", [(archive, b"key", b"other")]),
        archives_key("mirror", [(LocalArchive(Path("/b"), "stable", ("main",), Path("/k")), b"key", b"release")]),
    ]
    assert len(set(keys)) == len(keys)
    assert state_key("base", [b"one", b"two"]) == state_key("base", [b"two", b"one"]) != state_key("base", [b"one"])
