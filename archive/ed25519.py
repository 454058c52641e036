"""Ed25519 keys and signatures (RFC 8032). The only module that knows the library."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def generate() -> bytes:
    """Make a secret key: 32 bytes of chance."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public(secret: bytes) -> bytes:
    """Give the public key of a secret one, 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def sign(secret: bytes, message: bytes) -> bytes:
    """Sign a message; the same message always gets the same 64 bytes."""
    return Ed25519PrivateKey.from_private_bytes(secret).sign(message)


def verifies(key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether a signature is one of a message by a public key."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def openssh(secret: bytes) -> bytes:
    """Write a secret key as the file of an OpenSSH key without a passphrase."""
    key = Ed25519PrivateKey.from_private_bytes(secret)
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
