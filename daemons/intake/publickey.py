"""An uploader's public key, as the one line of `~/.ssh/id_*.pub`. Pure."""

from __future__ import annotations

import base64
import binascii

from msgspec import Struct
from paramiko import PKey, SSHException
from paramiko.pkey import UnknownKeyType

WEAKEST_RSA = 2048


class NotAKey(ValueError):
    """A line that is no usable public key; the message says why."""


class PublicKey(Struct, frozen=True):
    """What `find_keys` gives for an account (`kind`, `blob`: base64), and the key's `SHA256:...` fingerprint."""

    kind: str
    blob: bytes
    fingerprint: str


def parse(line: str) -> PublicKey:
    """Read the line of a public key file. Raises NotAKey, also for kinds that the server cannot verify."""
    kind, blob, *_ = [*line.split(), "", ""]
    if "PRIVATE KEY" in line:
        raise NotAKey("this is a private key, which nobody else should have; give the .pub file beside it")
    try:
        key = PKey.from_type_string(kind, base64.b64decode(blob, validate=True))
    except UnknownKeyType:
        raise NotAKey(f"{kind[:40]!r}: not a kind of key that can log in here; use ssh-ed25519") from None
    except (binascii.Error, SSHException, ValueError) as error:
        raise NotAKey(f"not a public key ({error}); give the one line of ~/.ssh/id_ed25519.pub") from None
    if kind == "ssh-rsa" and key.get_bits() < WEAKEST_RSA:
        raise NotAKey(f"an RSA key of {key.get_bits()} bits, less than {WEAKEST_RSA}; use ssh-ed25519")
    return PublicKey(key.get_name(), key.get_base64().encode(), key.fingerprint)
