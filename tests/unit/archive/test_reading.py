"""Reading what a build or a maintainer made: only fields come back, within limits, from a sealed process."""

from __future__ import annotations

import gzip
import io
import lzma
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from archive import debfile, dscfile, reading
from tests.unit.archive import packages

SIGNED = (
    b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSource: tiny\nVersion: 1.0\n\n"
    b"-----BEGIN PGP SIGNATURE-----\n\niHUEARYIAB0=\n=RNng\n-----END PGP SIGNATURE-----\n"
)

DYING = """#!/bin/sh
echo >>{count}
[ "$(wc -l <{count})" -gt {deaths} ] || kill -9 $$
exec {python} "$@"
"""


def ar(*members: tuple[str, bytes]) -> bytes:
    blocks = [
        f"{name:<16}{0:<12}{0:<6}{0:<6}{0o100644:<8o}{len(content):<10}`\n".encode()
        + content
        + b"\n" * (len(content) % 2)
        for name, content in members
    ]
    return b"!<arch>\n" + b"".join(blocks)


def tar(name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size, member.type = len(content) if kind == tarfile.REGTYPE else 0, kind
        member.linkname = "/etc/shadow" if kind == tarfile.SYMTYPE else ""
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def deb(name: str, content: bytes) -> bytes:
    return ar(("debian-binary", b"2.0\n"), (name, content), ("data.tar.xz", b""))


def test_real_files(tmp_path: Path) -> None:
    made = packages.deb(tmp_path, "tiny", "1.0", source="little"), packages.dsc(tmp_path, "little", "1.0")
    binary, source = reading.read(made)
    assert (binary["Package"], binary["Source"]) == ("tiny", "little")
    assert binary["Description"] == "a tiny package\n It holds one file.\n .\n And this line."
    assert (source["Source"], source["Format"]) == ("little", "3.0 (native)")
    assert reading.read([]) == []


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_reader_that_is_killed_is_started_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    made = [packages.dsc(tmp_path, "little", "1.0")]
    (tmp_path / "python").write_text(DYING.format(count=tmp_path / "count", deaths=deaths, python=sys.executable))
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    if deaths == 1:
        assert reading.read(made)[0]["Source"] == "little"
    else:
        with pytest.raises(reading.Unreadable, match=r"little_1\.0\.dsc: -9"):
            reading.read(made)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("control.tar", bytes),
        ("control.tar.gz", gzip.compress),
        ("control.tar.xz", lzma.compress),
        ("control.tar.zst", zstandard.compress),
    ],
)
def test_each_compression(name: str, pack: Callable[[bytes], bytes]) -> None:
    made = deb(name, pack(tar("./control", b"Package: tiny\n")))
    assert debfile.control(io.BytesIO(made)) == b"Package: tiny\n"


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (b"", "not an ar archive"),
        (b"!<arch>\nshort", "broken member header"),
        (ar(("debian-binary", b"2.0\n")), "no control member"),
        (deb("control.tar.bz2", b"x"), "compression that is not read here"),
        (deb("control.tar.zst", b"x" * 99), "control.tar.zst"),
        (deb("control.tar.zst", zstandard.compress(bytes(20 << 20))), "larger than"),
        (deb("control.tar.xz", b"nonsense"), "control.tar.xz"),
        (deb("control.tar.xz", lzma.compress(bytes(20 << 20))), "larger than"),
        (deb("control.tar", tar("./control", b"", tarfile.SYMTYPE)), "no control file"),
        (deb("control.tar", tar("./control", bytes(2 << 20))), "no control file"),
        (deb("control.tar", tar("./postinst", b"#!")), "no control file"),
        (deb("control.tar", bytes(5 << 20)), "control member of"),
    ],
)
def test_a_hostile_deb_is_refused(content: bytes, because: str) -> None:
    with pytest.raises(debfile.NotADeb, match=because):
        debfile.control(io.BytesIO(content))


def test_the_message_names_the_file(tmp_path: Path) -> None:
    evil = tmp_path / "evil_1_amd64.deb"
    evil.write_bytes(deb("control.tar", tar("./control", b"Package: a\nPackage: b\n")))
    with pytest.raises(reading.Unreadable, match=r"evil_1_amd64\.deb: the field Package stands twice"):
        reading.read([evil])


def test_a_signed_dsc_and_a_bare_one_are_one_paragraph() -> None:
    assert dscfile.paragraph(SIGNED) == b"Source: tiny\nVersion: 1.0\n"
    assert dscfile.paragraph(b"Source: tiny\nVersion: 1.0\n") == b"Source: tiny\nVersion: 1.0\n"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: b"Source: evil\n" + text,
        lambda text: b"Source: evil\n\n" + text,
        lambda text: text + b"Source: evil\n",
        lambda text: text + text,
        lambda text: text.replace(b"Version", b"\nVersion"),
        lambda text: text.replace(b"-----BEGIN PGP SIGNATURE", b"-----BEGIN PGP MESSAGE"),
        lambda _: b"",
        lambda _: b"Source: tiny\n\nSource: evil\n",
    ],
)
def test_anything_outside_the_one_message_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(dscfile.NotADsc):
        dscfile.paragraph(spoil(SIGNED))


@pytest.mark.parametrize("attempt", ["open('/etc/hostname')", "socket.socket()", "os.open('/', 0)"])
def test_a_sealed_process_opens_nothing(attempt: str) -> None:
    code = f"import os, socket; from archive import sealing; sealing.seal(); {attempt}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Too many open files" in ended.stderr
    assert ended.returncode == 1
