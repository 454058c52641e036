"""What a source needs, what apt chose, and when two of these are the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.dscfile import NotADsc
from daemons.building.environment import LocalArchive
from daemons.building.layers.resolving import (
    Chosen,
    Package,
    archives_key,
    choice_key,
    chosen,
    exactly,
    layer_key,
    needed,
    state_key,
    unidentified,
)
from queues.control import Malformed

# what apt 2.6 prints for `apt-get -q -y --print-uris -o Acquire::ForceHash=SHA256 build-dep`
A, B, C = "a" * 64, "b" * 64, "c" * 64
SAID = f"""\
Reading package lists...
Building dependency tree...
The following packages will be REMOVED:
  fakeroot
  libfakeroot
The following NEW packages will be installed:
  libmagic1 tool
The following packages will be upgraded:
  zlib1g
Need to get 104 kB of archives.
'http://deb/debian/pool/main/z/zlib/zlib1g_1.2.13.dfsg-2_amd64.deb' zlib1g_1%3a1.2.13.dfsg-2_amd64.deb 8 SHA256:{A}
'http://deb/debian/pool/main/f/file/libmagic1_5.44-3_amd64.deb' libmagic1_1%3a5.44-3_amd64.deb 103700 SHA256:{B}
'file:/srv/archive-0/pool/main/t/tool/tool_2_all.deb' tool_2_all.deb 42 SHA256:{C}
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


CHOICE = chosen(SAID, "amd64")


def test_a_choice_names_packages_versions_and_their_octets() -> None:
    assert CHOICE.installed == (
        Package("libmagic1", "1:5.44-3", "amd64", B),
        Package("tool", "2", "all", C),
        Package("zlib1g", "1:1.2.13.dfsg-2", "amd64", A),
    )
    assert CHOICE.removed == ("fakeroot", "libfakeroot")
    assert CHOICE.in_words[0] == "libmagic1 1:5.44-3"
    assert CHOICE.in_words[-1] == "without libfakeroot"
    assert not CHOICE.nothing
    assert chosen("Reading package lists...\n", "amd64").nothing
    assert [one.name for one in chosen(SAID, "i386").installed] == ["libmagic1:amd64", "tool", "zlib1g:amd64"]


@pytest.mark.parametrize("known", ["", "MD5Sum:00", "SHA256:"])
def test_a_package_whose_octets_are_not_known_is_named(known: str) -> None:
    assert unidentified(CHOICE) == ""
    assert unidentified(chosen(SAID.replace(f"SHA256:{B}", known), "amd64")) == "libmagic1"


def test_a_layer_is_another_one_for_every_package_version_and_base() -> None:
    def key(said: str = SAID, base: str = "base") -> str:
        return layer_key(base, chosen(said, "amd64"))

    same = key("\n".join([*SAID.splitlines()[:10], *reversed(SAID.splitlines()[10:])]) + "\n")
    assert same == key() == key(SAID.replace("http://deb", "http://mirror"))
    others = [
        key(base="other"),
        key(SAID.replace("tool_2_", "tool_3_")),
        key(SAID.replace(C, A)),
        key(SAID.replace("  fakeroot\n", "")),
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


def test_what_was_chosen_can_be_asked_for_again_exactly() -> None:
    fields = exactly(Chosen((Package("tool", "1:2-3", "amd64"), Package("libtool:i386", "4", "i386")), ("fakeroot",)))
    assert fields.decode().splitlines()[-2:] == [
        "Build-Depends: tool (= 1:2-3), libtool:i386 (= 4)",
        "Build-Conflicts: fakeroot",
    ]
    assert fields.startswith(KEPT.partition(b"Build-Depends")[0])
