"""Whatever octets a .changes or a .dsc holds: it is read or refused, by no other error than ours, in bounded time."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queues.values import Suite
from review.inspection import architectures, changes, dsc
from review.refusal import Refusal

SHA, MD5 = "0" * 64, "0" * 32
CHANGES = f"""\
Format: 1.8
Source: tiny
Architecture: source
Version: 1:1.0-1
Distribution: demo
Maintainer: Alice <alice@example.org>
Changed-By: Bob <bob@example.org>
Changes:
 tiny (1:1.0-1) demo; urgency=low
 .
   * First.
Checksums-Sha256:
 {SHA} 10 tiny_1.0-1.dsc
 {SHA} 20 tiny_1.0-1.debian.tar.xz
Files:
 {MD5} 10 misc optional tiny_1.0-1.dsc
 {MD5} 20 misc optional tiny_1.0-1.debian.tar.xz
""".encode()
DSC = f"""\
Format: 3.0 (quilt)
Source: tiny
Binary: tiny, tiny-doc
Architecture: any all
Version: 1:1.0-1
Maintainer: Alice <alice@example.org>
Uploaders: Bob <bob@example.org>
Build-Depends: debhelper-compat (= 13), gcc [linux-any] <!nocheck> | clang
Package-List:
 tiny deb misc optional arch=any
 tiny-doc deb doc optional arch=all
Checksums-Sha256:
 {SHA} 20 tiny_1.0.orig.tar.gz
 {SHA} 20 tiny_1.0-1.debian.tar.xz
Files:
 {MD5} 20 tiny_1.0.orig.tar.gz
 {MD5} 20 tiny_1.0-1.debian.tar.xz
""".encode()
SUITE = Suite(name="demo", architectures=("amd64", "i386"), accepts=("demo",))
SCRAPS = (
    b"\n",
    b"\n\n",
    b":",
    b" ",
    b"\t",
    b"\0",
    b"\r\n",
    b"\xff",
    b"\xc2\x85",
    b"\xe2\x80\xae",
    b"-----BEGIN PGP",
    b"..",
    b"/",
)
thorough = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """A well-formed text with pieces cut out, doubled, or put in."""
    text = whole
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 60)))
        scrap = draw(st.one_of(st.sampled_from(SCRAPS), st.just(text[begin:end] * 2), st.binary(max_size=20)))
        text = text[:begin] + scrap + text[end:]
    return text


def read_changes(octets: bytes) -> None:
    found = changes.read(octets, "tiny_1.0-1_source.changes")
    changes.suite_of(found, {"demo": SUITE})
    assert found.dsc.name.endswith(".dsc")


def read_dsc(octets: bytes) -> None:
    found = dsc.read(octets, "tiny_1.0-1.dsc")
    architectures.plan(found, SUITE)


def survives(read: Callable[[bytes], None], octets: bytes) -> None:
    said = answer(read, octets)
    assert len(said) < 1000, "a refusal is for people"
    assert said.isprintable(), "and for terminals"


def answer(read: Callable[[bytes], None], octets: bytes) -> str:
    try:
        read(octets)
    except Refusal as refusal:
        return str(refusal)
    return ""


def test_what_is_mutated_is_well_formed() -> None:
    read_changes(CHANGES)
    read_dsc(DSC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"Version: ", b"1:1.0\t-1"),
        (b"Source: ", b"ti\tny"),
        (b"Architecture: ", b"sou\trce"),
        (b"Version: ", "1\u200b".encode()),
    ],
)
def test_a_value_that_is_wrong_is_repeated_without_what_is_not_printable(field: bytes, value: bytes) -> None:
    octets = re.sub(field + rb"[^\n]*", lambda _: field + value, CHANGES, count=1)
    assert "?" in answer(read_changes, octets)
    survives(read_changes, octets)


@pytest.mark.parametrize(
    "value", ["Version: 1:1.0\t-1", "Version: 1\u200b", "Source: ti\tny", "Architecture: so\turce"]
)
def test_a_wrong_value_is_repeated_without_what_is_not_printable(value: str) -> None:
    field = value.partition(" ")[0].encode()
    octets = re.sub(field + rb"[^\n]*", lambda _: value.encode(), CHANGES, count=1)
    assert "?" in answer(read_changes, octets)
    survives(read_changes, octets)


@thorough
@given(st.one_of(mutated(CHANGES), st.binary(max_size=400)))
def test_changes(octets: bytes) -> None:
    survives(read_changes, octets)


def test_a_control_character_in_the_name_of_a_field_is_not_repeated() -> None:
    survives(read_dsc, DSC.replace(b"Format:", b"F\tormat:\0"))


@thorough
@given(st.one_of(mutated(DSC), st.binary(max_size=400)))
def test_dsc(octets: bytes) -> None:
    survives(read_dsc, octets)


MANY = 20_000
LARGE = {
    "many files": lambda text: text.replace(
        b"Files:\n", b"Files:\n" + f" {MD5} 1 misc optional x_1.dsc\n".encode() * MANY
    ),
    "many fields": lambda text: b"".join(b"X-%d: y\n" % number for number in range(MANY)) + text,
    "one long line": lambda text: text.replace(b"Maintainer: ", b"Maintainer: " + b"a<" * (MANY * 10)),
    "many alternatives": lambda text: text.replace(b"debhelper-compat", b"a | " * MANY + b"b"),
    "many packages": lambda text: text.replace(
        b" tiny deb", b" tiny deb misc optional arch=any-any\n" * MANY + b" tiny deb"
    ),
}


@pytest.mark.timeout(60)  # what is quadratic takes minutes
@pytest.mark.parametrize("grow", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize(("read", "text"), [(read_changes, CHANGES), (read_dsc, DSC)], ids=["changes", "dsc"])
def test_much_of_it_costs_little(read: Callable[[bytes], None], text: bytes, grow: Callable[[bytes], bytes]) -> None:
    survives(read, grow(text))
