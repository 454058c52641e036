"""Stanzas: rendered as clients expect them, and read back byte by byte."""

from __future__ import annotations

import pytest

from archive import stanzas

CONTROL = {
    "Package": "tiny",
    "Source": "little (1:1.0)",
    "Version": "1.0+b1",
    "Architecture": "amd64",
    "Depends": "libc6 (>= 2.36)",
    "Description": "a tiny package\n It is.\n .\n Small.",
}


def test_packages() -> None:
    stanza = stanzas.binary(CONTROL, "pool/main/l/little/tiny_1.0+b1_amd64.deb", 7, "ab" * 32)
    assert (stanza.source, stanza.source_version) == ("little", "1:1.0")
    assert stanza.text.decode() == (
        "Package: tiny\nSource: little (1:1.0)\nVersion: 1.0+b1\nArchitecture: amd64\nDepends: libc6 (>= 2.36)\n"
        "Description: a tiny package\n It is.\n .\n Small.\n"
        f"Filename: pool/main/l/little/tiny_1.0+b1_amd64.deb\nSize: 7\nSHA256: {'ab' * 32}\n"
    )


def test_sources_have_the_dsc_in_each_list_and_package_for_source() -> None:
    dsc = {
        "Format": "3.0 (native)",
        "Source": "tiny",
        "Version": "1.0",
        "Architecture": "any",
        "Checksums-Sha256": "\n cc 3 tiny_1.0.tar.xz",
        "Files": "\n dd 3 tiny_1.0.tar.xz",
    }
    lines = {"Files": "aa 9 tiny_1.0.dsc", "Checksums-Sha1": "x 9 y", "Checksums-Sha256": "bb 9 tiny_1.0.dsc"}
    stanza = stanzas.source(dsc, "pool/main/t/tiny", "devel", lines)
    assert stanza.text.decode() == (
        "Package: tiny\nFormat: 3.0 (native)\nVersion: 1.0\nArchitecture: any\n"
        "Checksums-Sha256:\n bb 9 tiny_1.0.dsc\n cc 3 tiny_1.0.tar.xz\n"
        "Files:\n aa 9 tiny_1.0.dsc\n dd 3 tiny_1.0.tar.xz\n"
        "Directory: pool/main/t/tiny\nPriority: optional\nSection: devel\n"
    )


def test_a_control_file_cannot_say_where_it_lies_or_what_it_hashes_to() -> None:
    text = stanzas.binary({**CONTROL, "filename": "../evil", "SHA256": "0", "MD5sum": "0"}, "f", 1, "1").text
    assert (text.count(b"ilename"), text.count(b"SHA256"), text.count(b"MD5sum")) == (1, 1, 0)


def test_a_value_cannot_end_the_stanza() -> None:
    for evil in ("a\n\nPackage: evil", "a\nPackage: evil", "a\n \n"):
        with pytest.raises(stanzas.Malformed):
            stanzas.binary({**CONTROL, "Description": evil + "\n x"}, "f", 1, "1")


def test_a_stanza_is_read_back_as_it_was() -> None:
    made = stanzas.ordered(
        stanzas.binary({**CONTROL, "Package": name, "Source": name}, "f", 1, "1") for name in ("b", "a", "c")
    )
    assert tuple(stanzas.read(one.text, sources=False) for one in made) == made


def test_a_field_inside_a_description_is_none() -> None:
    stanza = stanzas.binary({**CONTROL, "Description": "x\n Package: evil\n Version: 9"}, "f", 1, "1")
    assert stanzas.read(stanza.text, sources=False) == stanza


def test_extra_source_only_is_marked_once() -> None:
    plain = stanzas.source({"Source": "tiny", "Version": "1", "Architecture": "any"}, "d", "misc", {})
    marked = stanzas.extra(plain)
    assert not plain.extra
    assert marked.extra
    assert stanzas.extra(marked) == marked
