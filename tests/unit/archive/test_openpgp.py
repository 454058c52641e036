"""Keys and signatures made by gpg, and what is said of them."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive import openpgp
from archive.openpgp import BadSignature, Certificate
from tests.support.tools import run

TEXT = b"Source: good\nVersion: 1\n"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Gpg:
    """A gpg home whose clock is told."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str, at: datetime = START, stdin: bytes = b"") -> str:
        clock = f"{at:%Y%m%dT%H%M%S}!"
        silent = ["--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""]
        argv = ["gpg", "--homedir", str(self.home), *silent, "--faked-system-time", clock, *words]
        return re.sub(r"(?m)^gpg: .*\n", "", run(argv, stdin=stdin).output)

    def key(self, name: str, algorithm: str = "ed25519", lasts: str = "never", usage: str = "sign") -> str:
        self("--quick-generate-key", f"{name} <{name}@example.org>", algorithm, usage, lasts)
        return self.fingerprint(name)

    def fingerprint(self, name: str) -> str:
        return re.findall(r"(?m)^fpr:+([0-9A-F]{40}):", self("--with-colons", "--list-keys", name))[0]

    def certificate(self, name: str) -> Certificate:
        return openpgp.read_certificate(self("--armor", "--export", name).encode())

    def sign(self, name: str, *options: str, at: datetime = START, text: bytes = TEXT) -> bytes:
        return self("-u", name, *options, "--clearsign", at=at, stdin=text).encode()


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    home = Path(tempfile.mkdtemp(prefix="dm-"))
    home.chmod(0o700)
    made = Gpg(home)
    made.key("alice")
    yield made
    run(["gpgconf", "--homedir", home, "--kill", "all"])
    shutil.rmtree(home, ignore_errors=True)


def refused(data: bytes, *certificates: Certificate, now: datetime = START) -> str:
    with pytest.raises(BadSignature) as caught:
        openpgp.verify_clearsigned(data, certificates, now)
    return str(caught.value)


def test_what_is_returned_is_what_was_signed(gpg: Gpg) -> None:
    alice = gpg.certificate("alice")
    verified = openpgp.verify_clearsigned(gpg.sign("alice", text=b"- dash\nend\n"), [alice], START)
    assert (verified.octets, verified.signer, verified.made) == (b"- dash\nend\n", alice.fingerprint, START)


def test_a_subkey_signs_for_its_certificate(gpg: Gpg) -> None:
    primary = gpg.key("sub", usage="cert")
    gpg("--quick-add-key", primary, "ed25519", "sign", "10d")
    data, certificate = gpg.sign("sub"), gpg.certificate("sub")
    assert openpgp.verify_clearsigned(data, [certificate], START + DAY).signer == primary.lower()
    assert "expired" in refused(data, certificate, now=START + 11 * DAY)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda signed: b"Source: evil\n" + signed, "before the signed message"),
        (lambda signed: b"\n" + signed, "before the signed message"),
        (lambda signed: signed + b"Source: evil\n", "after the signed message"),
        (lambda signed: signed + signed, "exactly one"),
        (lambda signed: signed.replace(b"\n\nSource", b"\nSource: evil\n\nSource", 1), "between the head"),
        (lambda signed: signed.replace(b"SIGNATURE-----\n", b"SIGNATURE-----\nSource: evil\n", 1), "inside"),
        (lambda signed: signed.replace(b"SIGNATURE-----\n", b"SIGNATURE-----\nSourceevil\n", 1), "inside"),
        (lambda signed: signed.replace(b"good", b"evil"), "changed after signing"),
        (
            lambda signed: signed.replace(b"\n-----BEGIN PGP SIGNATURE", b"\nMore: 1\n-----BEGIN PGP SIGNATURE"),
            "changed",
        ),
        (lambda signed: signed[: signed.index(b"-----BEGIN PGP SIGNATURE")], "exactly one"),
        (lambda _: TEXT, "not clearsigned"),
        (lambda _: b"", "not clearsigned"),
    ],
)
def test_anything_but_one_signed_message_is_refused(gpg: Gpg, change, words: str) -> None:  # type: ignore[no-untyped-def]
    assert words in refused(change(gpg.sign("alice")), gpg.certificate("alice"))


def test_two_signatures_on_one_message(gpg: Gpg) -> None:
    gpg.key("second")
    data = gpg.sign("alice", "-u", "second")
    assert "2 packets" in refused(data, gpg.certificate("alice"), gpg.certificate("second"))


def test_a_key_nobody_registered(gpg: Gpg) -> None:
    gpg.key("mallory")
    assert gpg.fingerprint("mallory") in refused(gpg.sign("mallory"), gpg.certificate("alice"))


def test_a_key_that_expired_since(gpg: Gpg) -> None:
    gpg.key("short", lasts="10d")
    data, certificate = gpg.sign("short"), gpg.certificate("short")
    assert openpgp.verify_clearsigned(data, [certificate], START + DAY).octets == TEXT
    assert "expired since 2026-03-11" in refused(data, certificate, now=START + 12 * DAY)


def test_a_key_revoked_after_it_signed(gpg: Gpg) -> None:
    fingerprint = gpg.key("gone")
    data = gpg.sign("gone")
    revocation = (gpg.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text().replace("\n:-----", "\n-----")
    gpg("--import", stdin=revocation.encode())
    assert "revoked" in refused(data, gpg.certificate("gone"))


def test_weak_keys_and_hashes(gpg: Gpg) -> None:
    gpg.key("weak", "rsa1024")
    assert "too weak" in refused(gpg.sign("weak"), gpg.certificate("weak"))
    assert "too weak" in refused(gpg.sign("alice", "--digest-algo", "SHA1"), gpg.certificate("alice"))


def test_the_age_of_a_signature_names_both_clocks(gpg: Gpg) -> None:
    data, alice = gpg.sign("alice"), gpg.certificate("alice")
    assert openpgp.verify_clearsigned(data, [alice], START + 29 * DAY).octets == TEXT
    assert openpgp.verify_clearsigned(data, [alice], START - timedelta(minutes=4)).octets == TEXT
    old = refused(data, alice, now=START + 31 * DAY)
    assert "older than 30 days" in old
    assert "2026-03-01 12:00:00 UTC" in old
    assert "2026-04-01 12:00:00 UTC" in old
    assert "future" in refused(data, alice, now=START - timedelta(minutes=6))


def test_the_identity_is_that_of_text_and_signature(gpg: Gpg) -> None:
    alice = gpg.certificate("alice")
    data = gpg.sign("alice")
    first = openpgp.verify_clearsigned(data, [alice], START)
    armored = data.replace(b"-----BEGIN PGP SIGNATURE-----\n", b"-----BEGIN PGP SIGNATURE-----\nComment: again\n")
    assert openpgp.verify_clearsigned(armored, [alice], START).identity == first.identity
    anew = openpgp.verify_clearsigned(gpg.sign("alice", at=START + DAY), [alice], START + DAY)
    assert anew.identity != first.identity


def test_a_secret_key_is_never_registered(gpg: Gpg) -> None:
    with pytest.raises(BadSignature, match="secret key"):
        openpgp.read_certificates(gpg("--armor", "--export-secret-keys", "alice").encode())


@pytest.mark.parametrize("data", [b"", b"hello", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n"])
def test_what_is_no_key(data: bytes) -> None:
    with pytest.raises(BadSignature):
        openpgp.read_certificates(data)
