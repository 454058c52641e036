"""OpenPGP verification: one clearsigned message, one signature, one registered certificate.

What it returns is what the verifier returned; the signed file itself is never parsed for values. It signs nothing and
reads no file. Certificates are plain values made by `read_certificates`, so nothing else needs the library.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr

import pysequoia
from msgspec import Struct
from pysequoia.packet import HashAlgorithm, Packet, PacketPile, SignatureType, Tag

from queues.problem import Problem

Fingerprint = str

CLOCK_SKEW = timedelta(minutes=5)
MAX_AGE = timedelta(days=30)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"
_END = b"-----END PGP SIGNATURE-----"
_ARMOR = re.compile(  # RFC 9580, section 6.2
    rb"(?:(?:Version|Comment|MessageID|Hash|Charset):[ -~]*\n)*\n"
    rb"(?:[A-Za-z0-9+/]{1,76}={0,2}\n)+(?:=[A-Za-z0-9+/]{4}\n)?"
)
_WEAK = (HashAlgorithm.MD5, HashAlgorithm.SHA1, HashAlgorithm.RipeMD)
_SECRETS = (Tag.SecretKey, Tag.SecretSubkey)
_KEYS = (Tag.PublicKey, Tag.PublicSubkey)


class BadSignature(Problem):
    """A signed text or a key that cannot be relied on; the message is a whole sentence."""


class Subkey(Struct, frozen=True):
    """A key of a certificate, the primary one among them: when it ends, and whether it was revoked."""

    fingerprint: Fingerprint
    expires: datetime | None
    revoked: bool


class Certificate(Struct, frozen=True):
    """A public key as it was registered; `weak` holds why its algorithms are refused, empty when they are not."""

    fingerprint: Fingerprint
    user_ids: tuple[str, ...]
    mail: str
    expires: datetime | None
    revoked: bool
    weak: str
    keys: tuple[Subkey, ...]
    data: bytes


class Verified(Struct, frozen=True):
    """What a valid signature vouches for: the signed octets, by whom (primary key's fingerprint), and when."""

    octets: bytes
    signer: Fingerprint
    made: datetime

    @property
    def identity(self) -> str:
        """Name these octets under this signature: equal for a replay, whatever was done to the armor around it."""
        return hashlib.sha256(self.octets + b"\n" + self.made.isoformat().encode()).hexdigest()


def verify_clearsigned(
    data: bytes, certificates: Iterable[Certificate], now: datetime, max_age: timedelta = MAX_AGE
) -> Verified:
    """Verify one clearsigned message (RFC 9580, section 7). Raises BadSignature."""
    certificate, issuer, made = _signer(_armored(data), certificates, now, max_age)
    return Verified(_verify(data, certificate, issuer) + b"\n", certificate.fingerprint, made)


def verify_detached(
    data: bytes, signature: bytes, certificates: Iterable[Certificate], now: datetime, max_age: timedelta = MAX_AGE
) -> Verified:
    """Verify an armored signature that lies beside what it signs. Raises BadSignature."""
    certificate, issuer, made = _signer(signature, certificates, now, max_age)
    _verify(data, certificate, issuer, pysequoia.Sig.from_bytes(signature))
    return Verified(data, certificate.fingerprint, made)


def read_certificates(data: bytes) -> list[Certificate]:
    """Read public keys, armored or binary. Raises BadSignature when there is none, or a secret one."""
    try:
        secret = any(packet.tag in _SECRETS for packet in PacketPile.from_bytes(data))
        found = pysequoia.Cert.split_bytes(data)
    except RuntimeError as error:
        raise BadSignature(f"this is not an OpenPGP public key ({_first_line(error)})") from None
    if not found:
        raise BadSignature("there is no OpenPGP public key in this file")
    if secret:
        raise BadSignature("this file holds a secret key; export the public one with gpg --armor --export")
    return [_certificate(one) for one in found]


def read_certificate(data: bytes) -> Certificate:
    """Read exactly one public key. Raises BadSignature."""
    found = read_certificates(data)
    if len(found) != 1:
        raise BadSignature(f"{len(found)} keys where one is expected")
    return found[0]


def check_usable(certificate: Certificate, now: datetime) -> None:
    """Raise BadSignature when nothing signed by this certificate would be accepted now."""
    _check_certificate(certificate, certificate.fingerprint, now)


def _signer(
    armored: bytes, certificates: Iterable[Certificate], now: datetime, max_age: timedelta
) -> tuple[Certificate, str, datetime]:
    """Find whose signature it claims to be, by which key and when; it is not verified yet."""
    signature = _only_signature(armored)
    issuer = signature.issuer_fingerprint or signature.issuer_key_id or ""
    certificate = _certificate_of(issuer, certificates)
    _check_certificate(certificate, issuer, now)
    return certificate, issuer, _checked_time(signature, now, max_age)


def _armored(data: bytes) -> bytes:
    """Give the armored signature of a file that holds exactly one signed message and nothing else."""
    lines = [line.rstrip(b" \t\r") for line in data.rstrip(b"\r\n").split(b"\n")]
    if lines[0] != _BEGIN:
        raise BadSignature("there is text before the signed message" if _BEGIN in lines else "it is not clearsigned")
    for marker in (_BEGIN, _SIGNATURE, _END):
        if lines.count(marker) != 1:
            raise BadSignature(f"{lines.count(marker)} lines {marker.decode()} where exactly one may stand")
    if lines[-1] != _END:
        raise BadSignature("there is text after the signed message")
    _check_text(lines[1 : lines.index(_SIGNATURE)])
    return _checked_armor(lines[lines.index(_SIGNATURE) : -1])


def _check_text(lines: list[bytes]) -> None:
    blank = lines.index(b"") if b"" in lines else len(lines)
    if any(not re.fullmatch(rb"Hash: [A-Za-z0-9, -]+", header) for header in lines[:blank]):
        raise BadSignature("there is text between the head of the signed message and the signed part")
    if any(line.startswith(b"-") and not line.startswith(b"- ") for line in lines[blank:]):
        raise BadSignature("a line of the signed part begins with an unescaped dash")


def _checked_armor(lines: list[bytes]) -> bytes:
    if not _ARMOR.fullmatch(b"".join(line + b"\n" for line in lines[1:])):
        raise BadSignature("there is text inside the signature")
    return b"\n".join((*lines, _END, b""))


def _only_signature(armored: bytes) -> Packet:
    try:
        packets: list[Packet] = list(PacketPile.from_bytes(armored))
    except RuntimeError as error:
        raise BadSignature(f"the signature cannot be read ({_first_line(error)})") from None
    if len(packets) != 1 or packets[0].tag != Tag.Signature:
        raise BadSignature(f"{len(packets)} packets where exactly one signature may stand")
    if packets[0].hash_algorithm in _WEAK:
        raise BadSignature(f"the signature is too weak: {packets[0].hash_algorithm}; sign again with SHA512")
    return packets[0]


def _certificate_of(issuer: str, certificates: Iterable[Certificate]) -> Certificate:
    for certificate in certificates:
        if issuer and any(key.fingerprint.endswith(issuer) for key in certificate.keys):
            return certificate
    raise BadSignature(f"signed by the key {issuer.upper() or 'nobody names'}, which no registered uploader has")


def _checked_time(signature: Packet, now: datetime, max_age: timedelta) -> datetime:
    made = signature.signature_created
    if made is None:
        raise BadSignature("the signature does not say when it was made")
    clocks = f"made at {_clock(made)} by the signer's clock, received at {_clock(now)} by ours"
    if made > now + CLOCK_SKEW:
        raise BadSignature(f"the signature comes from the future: it was {clocks}")
    if made < now - max_age:
        raise BadSignature(f"the signature is older than {max_age.days} days: it was {clocks}; sign again with debsign")
    return made


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _check_certificate(certificate: Certificate, issuer: str, now: datetime) -> None:
    key = f"the key {issuer.upper()}"
    ours = [one for one in certificate.keys if one.fingerprint.endswith(issuer)]
    if certificate.weak:
        raise BadSignature(f"{key} is too weak: {certificate.weak}")
    if certificate.revoked or any(one.revoked for one in ours):
        raise BadSignature(f"{key} is revoked")
    ends = [moment for moment in (certificate.expires, *(one.expires for one in ours)) if moment]
    if ends and min(ends) <= now:
        raise BadSignature(f"{key} is expired since {min(ends):%Y-%m-%d}; send the operator the extended key")


def _verify(data: bytes, certificate: Certificate, issuer: str, detached: pysequoia.Sig | None = None) -> bytes:
    cert = pysequoia.Cert.from_bytes(certificate.data)
    try:
        result = pysequoia.verify(data, lambda _: [cert], signature=detached)
    except RuntimeError:
        raise BadSignature(
            "the signature does not fit: the text was changed after signing, or the key was not valid when it signed"
        ) from None
    signers = [one.certificate for one in result.valid_sigs if one.signing_key.endswith(issuer)]
    signed = result.bytes if detached is None else data
    if signers != [certificate.fingerprint] or len(result.valid_sigs) != 1 or signed is None:
        raise BadSignature(f"{len(result.valid_sigs)} valid signatures where exactly one, by {issuer}, is expected")
    return signed


def _certificate(cert: pysequoia.Cert) -> Certificate:
    weak, expires, revoked = "", None, False
    user_ids: tuple[str, ...] = ()
    try:
        expires, revoked = cert.expiration, cert.is_revoked
        user_ids = tuple(str(one) for one in cert.user_ids)
    except RuntimeError as error:
        weak = _cause(error)
    data = bytes(cert)
    keys = tuple(_subkeys(list(PacketPile.from_bytes(data))))
    return Certificate(cert.fingerprint, user_ids, _mail(user_ids), expires, revoked, weak, keys, data)


def _subkeys(packets: Sequence[Packet]) -> Iterator[Subkey]:
    """Read of each key what the library tells only of the primary one (RFC 9580, section 5.2.3.13)."""
    heads = [place for place, packet in enumerate(packets) if packet.tag in _KEYS]
    for start, end in zip(heads, [*heads[1:], len(packets)], strict=True):
        key, signatures = packets[start], [one for one in packets[start:end] if one.tag == Tag.Signature]
        subkey = key.tag == Tag.PublicSubkey
        bindings = [one for one in signatures if subkey and one.signature_type == SignatureType.SubkeyBinding]
        latest = max(bindings, key=lambda one: one.signature_created or _EPOCH, default=None)
        lasts = latest.key_validity_period if latest else None
        expires = key.key_created + lasts if key.key_created and lasts else None
        revoked = any(one.signature_type == SignatureType.SubkeyRevocation for one in signatures)
        yield Subkey(key.fingerprint or "", expires, revoked)


def _mail(user_ids: Sequence[str]) -> str:
    return next((mail for _, mail in map(parseaddr, user_ids) if "@" in mail), "")


def _first_line(error: RuntimeError) -> str:
    return str(error).split("\n", 1)[0].strip()


def _cause(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).split("Stack backtrace")[0].splitlines() if line.strip()]
    return lines[-1] if lines else "its algorithms are refused"
