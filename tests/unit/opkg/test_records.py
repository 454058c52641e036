"""A feed's record of a package: every rule that one of the two clients forces on it."""

from __future__ import annotations

import pytest

from archive.opkg.records import Facts, Form, architectures, facts_in, fields_of, record
from queues.values import Suite

FACTS = Facts(1234, "0123456789abcdef" * 2, "fedcba9876543210" * 4)
FORM = Form(".ipk", "../../../../", {})
STANZA = b"""\
Package: tiny
Source: mill (2.0)
Version: 1:2.0~rc1+b1
Architecture: amd64
Maintainer: Ulla <ulla@example.org>
Section: misc
Priority: optional
Filename: pool/main/m/mill/tiny_2.0~rc1+b1_amd64.deb
Size: 999
SHA256: 0000
Description: a tiny package
 It holds one file.
 .
 And this line.
"""


def fields(more: bytes = b"", form: Form = FORM) -> dict[str, str]:
    text = record(fields_of(STANZA + more), form, FACTS).text
    return {name.decode(): value.decode() for name, value in fields_of_any_case(text).items()}


def fields_of_any_case(text: bytes) -> dict[bytes, bytes]:
    names = [line.partition(b":")[0] for line in text.splitlines() if not line.startswith(b" ")]
    return {name: fields_of(text)[name.lower()] for name in names}


def test_what_the_clients_cannot_do_without() -> None:
    found = fields()
    assert found["Package"] == "tiny"
    assert found["Version"] == "1:2.0~rc1+b1"
    assert found["Architecture"] == "amd64"
    assert found["Filename"] == "../../../../pool/main/m/mill/tiny_2.0~rc1+b1_amd64.ipk"
    assert found["Size"] == "1234", "of the .ipk: Yocto's client takes a file of another size for broken"
    assert found["MD5sum"] == FACTS.md5, "Yocto's stock client knows no other"
    assert found["SHA256sum"] == FACTS.sha256, "the one name of it that both know"
    assert "SHA256" not in found


def test_a_record_is_one_paragraph_and_keeps_the_description() -> None:
    text = record(fields_of(STANZA), FORM, FACTS).text
    assert text.endswith(b"Description: a tiny package\n It holds one file.\n .\n And this line.\n")
    assert b"\n\n" not in text
    assert {"Source", "Section", "Priority", "Maintainer"} <= fields().keys()


@pytest.mark.parametrize("name", ["Depends", "Pre-Depends", "Recommends", "Suggests", "Conflicts", "Replaces"])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("libc6 (>= 2.36)", "libc6 (>= 2.36)"),
        ("python3:any", "python3"),
        ("perl:native (>= 5), x", "perl (>= 5), x"),
        ("a | b:any (<< 1:2.0), c:any|d", "a | b (<< 1:2.0), c|d"),
        ("x (= 1:2.0~rc1)", "x (= 1:2.0~rc1)"),
        ("libstdc++6:amd64", "libstdc++6"),
        ("a,\n b:any,\n c", "a, b, c"),
    ],
)
def test_a_relation_keeps_its_versions_and_loses_qualifiers(name: str, written: str, read: str) -> None:
    assert fields(f"{name}: {written}\n".encode())[name] == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("mail-transport-agent", "mail-transport-agent"),
        ("a (= 5), b, c (= 1:2)", "a, b, c"),
        ("a:any (= 5)", "a"),
    ],
)
def test_a_provided_name_has_no_version(written: str, read: str) -> None:
    assert fields(f"Provides: {written}\n".encode())["Provides"] == read


@pytest.mark.parametrize(("written", "read"), [("7", "7168"), ("0", "0"), ("7 KiB", None), ("", None)])
def test_the_installed_size_is_in_bytes_or_not_said(written: str, read: str | None) -> None:
    assert fields(f"Installed-Size: {written}\n".encode()).get("Installed-Size") == read


@pytest.mark.parametrize(
    "name", ["Breaks", "Enhances", "Multi-Arch", "Tag", "Description-md5", "SHA512", "Built-Using", "Homepage"]
)
def test_what_no_client_parses_is_left_out(name: str) -> None:
    assert name not in fields(f"{name}: same\n".encode())


def test_essential_is_said_of_essential_packages_only() -> None:
    assert fields(b"Essential: yes\n")["Essential"] == "yes"
    assert "Essential" not in fields(b"Essential: no\n")


def test_architectures_may_have_opkgs_names() -> None:
    names = architectures(Suite("demo", opkg_architectures=("amd64=x86_64",)))
    assert fields(form=Form(".ipk", "", names))["Architecture"] == "x86_64"
    foreign = fields_of(STANZA.replace(b"amd64\n", b"all\n"))
    assert b"Architecture: all\n" in record(foreign, Form(".ipk", "", names), FACTS).text


def test_a_feed_of_debs_names_debs() -> None:
    assert fields(form=Form(".deb", "", {}))["Filename"] == "pool/main/m/mill/tiny_2.0~rc1+b1_amd64.deb"


def test_facts_are_read_back() -> None:
    text = record(fields_of(STANZA), FORM, FACTS).text
    assert facts_in(text * 2, FORM) == {"pool/main/m/mill/tiny_2.0~rc1+b1_amd64.ipk": FACTS}
