"""SSH public keys as they stand in a `.pub` file; says which are strong enough. It logs nobody in.

Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT; RFC 4253, section 6.6 (the blob of ssh-rsa).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import NamedTuple

from queues.problem import Problem

SMALLEST_RSA = 3072  # bits
TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


class BadKey(Problem):
    """A line that is no SSH public key, or one that is refused."""


class SshKey(NamedTuple):
    """One public key: its type's name and its blob as it goes over the wire."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """The fingerprint as `ssh-keygen -l` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


def parse(text: str) -> list[SshKey]:
    """Read a file of public keys, one a line; blank lines and comments are passed over. Raises BadKey."""
    lines = [line.strip() for line in text.splitlines()]
    return [_parse_line(line) for line in lines if line and not line.startswith("#")]


def check(data: bytes) -> None:
    """Check that a file holds public keys by which its owner can log in. Raises BadKey."""
    keys = parse(data.decode(errors="replace"))
    if not keys:
        raise BadKey("there is no SSH public key in this file")
    for key in keys:
        if key.type.startswith("sk-"):
            raise BadKey(
                f"{key.type}: the server cannot verify the keys of hardware tokens; make one with ssh-keygen -t ed25519"
            )


def _parse_line(line: str) -> SshKey:
    if "PRIVATE KEY" in line:
        raise BadKey("this is a private SSH key; give the public one, which ends in .pub")
    kind, _, rest = line.partition(" ")
    if kind not in TYPES:
        raise BadKey(f"'{line[:40]}': not an SSH public key of a known type ({', '.join(TYPES)})")
    try:
        blob = base64.b64decode(rest.split()[0], validate=True)
        fields = _fields(blob)
    except (binascii.Error, IndexError, ValueError):
        raise BadKey(f"{kind}: the key is cut short or garbled") from None
    if fields[0] != kind.encode():
        raise BadKey(f"{kind}: the key is of another type, {fields[0]!r}")
    if kind == "ssh-rsa" and int.from_bytes(fields[2], "big").bit_length() < SMALLEST_RSA:
        raise BadKey(f"ssh-rsa: the key is too weak; make one of {SMALLEST_RSA} bits, or use ssh-keygen -t ed25519")
    return SshKey(kind, blob)


def _fields(blob: bytes) -> list[bytes]:
    fields = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            raise ValueError("cut short")
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    if len(fields) < 2:
        raise ValueError("too few fields")
    return fields
