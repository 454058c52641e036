"""The key of the feeds and its signatures, as usign of OpenWrt and signify of OpenBSD write them.

A file is a comment line and a line of base64: `Ed`, the number of the key (8 bytes, by which usign finds it in
/etc/opkg/keys), then a public key (32 bytes) or a signature (64). The secret key has no passphrase: its file is 0600.

Source: signify(1) and its file format, usign's README.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from archive import ed25519
from archive.signing import SigningFailed
from queues import atomic

_KIND = b"Ed"
_NO_KDF = b"BK" + bytes(4) + bytes(16)  # bcrypt, no rounds, no salt: the key lies there as it is
_SECRET = len(_KIND + _NO_KDF) + 8 + 8 + 64


class NoFeedKey(SigningFailed):
    """The file of the feeds' key is not one."""


class FeedKey(NamedTuple):
    """A key: its number, 8 bytes, and the secret, 32 bytes."""

    number: bytes
    secret: bytes

    @property
    def fingerprint(self) -> str:
        """Name the key as usign does: the file in /etc/opkg/keys has this name."""
        return self.number.hex()

    def public(self) -> bytes:
        """Write the public key's file."""
        return _file(f"public key {self.fingerprint}", _KIND + self.number + ed25519.public(self.secret))

    def sign(self, message: bytes) -> bytes:
        """Write the signature's file of a message."""
        signature = ed25519.sign(self.secret, message)
        return _file(f"signed by key {self.fingerprint}", _KIND + self.number + signature)


def load_or_make(path: Path) -> FeedKey:
    """Read the key's file, or make it when it is missing. Raises NoFeedKey when it is something else."""
    if not path.exists():
        atomic.make(path.parent)
        atomic.replace(path, _secret_file(_number(), ed25519.generate()), 0o600)
    return load(path)


def load(path: Path) -> FeedKey:
    """Read the key's file. Raises NoFeedKey."""
    try:
        raw = _raw(path.read_bytes())
    except (OSError, IndexError, binascii.Error) as error:
        raise NoFeedKey(f"{path}: cannot be read as a key of usign or signify ({error})") from None
    if len(raw) != _SECRET or not raw.startswith(_KIND + _NO_KDF[:6]):
        raise NoFeedKey(f"{path}: not a key of usign or signify without a passphrase")
    return FeedKey(raw[-72:-64], raw[-64:-32])


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether the file of a signature is one of a message, by the key of a public key's file."""
    try:
        key, signed = _raw(public), _raw(signature)
    except (IndexError, binascii.Error):
        return False
    return key[:10] == signed[:10] and ed25519.verifies(key[10:], message, signed[10:])


def _raw(file: bytes) -> bytes:
    return base64.b64decode(file.split(b"\n")[1], validate=True)


def _number() -> bytes:
    # usign writes the number in hex without leading zeros, signify with them: one that has none is the same for both.
    while (number := os.urandom(8))[0] < 0x10:
        pass
    return number


def _secret_file(number: bytes, secret: bytes) -> bytes:
    pair = secret + ed25519.public(secret)
    checksum = hashlib.sha512(pair).digest()[:8]
    return _file("signify secret key", _KIND + _NO_KDF + checksum + number + pair)


def _file(comment: str, raw: bytes) -> bytes:
    return f"untrusted comment: {comment}\n{base64.b64encode(raw).decode()}\n".encode()
