"""The feeds' key: one that others can use, and that is never made twice."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from archive.opkg import usign
from archive.opkg.usign import NoFeedKey

SPKI = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: what stands before an Ed25519 public key


def decoded(file: bytes) -> bytes:
    comment, line, rest = file.split(b"\n")
    assert comment.startswith(b"untrusted comment: ")
    assert rest == b""
    return base64.b64decode(line, validate=True)


def test_openssl_verifies_a_signature(tmp_path: Path) -> None:
    key = usign.load_or_make(tmp_path / "feeds.sec")
    message = b"Package: tiny\n" * 1000
    public, signature = decoded(key.public()), decoded(key.sign(message))
    assert public[:10] == signature[:10] == b"Ed" + bytes.fromhex(key.fingerprint)
    for name, content in {"key": SPKI + public[10:], "message": message, "signature": signature[10:]}.items():
        (tmp_path / name).write_bytes(content)
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER"]
    files = ["-inkey", tmp_path / "key", "-in", tmp_path / "message", "-sigfile", tmp_path / "signature"]
    verified = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr + verified.stdout


def test_the_key_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys/feeds.sec"
    key = usign.load_or_make(path)
    assert usign.load_or_make(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert key.sign(b"text") == key.sign(b"text"), "an unchanged feed keeps its signature"


def test_its_name_is_the_same_with_and_without_leading_zeros(tmp_path: Path) -> None:
    for number in range(200):
        fingerprint = usign.load_or_make(tmp_path / str(number)).fingerprint
        assert f"{int(fingerprint, 16):x}" == fingerprint


@pytest.mark.parametrize(
    "content",
    [b"", b"untrusted comment: x\n", b"untrusted comment: x\nnot base64\n", b"untrusted comment: x\nRWQ=\n"],
)
def test_what_is_no_key_is_named_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "feeds.sec"
    path.write_bytes(content)
    with pytest.raises(NoFeedKey, match=r"feeds\.sec"):
        usign.load_or_make(path)
    assert path.read_bytes() == content


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "feeds.sec"
    usign.load_or_make(path)
    raw = bytearray(decoded(path.read_bytes()))
    raw[7] = 42  # rounds of the passphrase's hash
    path.write_bytes(b"untrusted comment: signify secret key\n" + base64.b64encode(bytes(raw)) + b"\n")
    with pytest.raises(NoFeedKey, match="passphrase"):
        usign.load(path)
