"""Whether upstream signed the tarball, by the key that the package itself keeps in debian/upstream.

It says that who made the tarball has the key that the packaging names, and nothing about whose key that is.
Source: uscan(1); dpkg-source(1), upstream signatures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from archive import openpgp
from archive.openpgp import BadSignature

LARGEST = 64 << 20  # bytes of a tarball that is verified
AGES = timedelta(days=36525)  # a release is as old as it is
MISSING, GOOD, BAD = "missing", "good", "bad"


def signature(files: Sequence[Path], key: bytes, now: datetime) -> str:
    """Say in words how it stands with the signature of the upstream tarball; empty where the package keeps no key.

    The first word is `good`, `bad`, or `missing`.
    """
    tarball = next((path for path in files if ".orig.tar." in path.name and path.suffix != ".asc"), None)
    if not key or tarball is None:
        return ""
    beside = next((path for path in files if path.name == f"{tarball.name}.asc"), None)
    if beside is None:
        return f"{MISSING}: the package keeps upstream's key, and {tarball.name} comes without a signature"
    if tarball.stat().st_size > LARGEST:
        return f"{MISSING}: {tarball.name} is too large to be verified here"
    try:
        verified = openpgp.verify_detached(
            tarball.read_bytes(), beside.read_bytes(), openpgp.read_certificates(key), now, AGES
        )
    except BadSignature as error:
        return f"{BAD}: {beside.name}: {error}"
    return f"{GOOD}: {tarball.name}, by {verified.signer.upper()}"
