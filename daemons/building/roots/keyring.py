"""The session keyring of this thread (session-keyring(7)), which every command that it starts inherits.

A namespace of users does not hide it: without this, a build could read what the service's own keyring holds, and two
builds could talk to each other.
"""

from __future__ import annotations

import ctypes
import os

_KEYCTL = {"x86_64": 250}  # asm/unistd.h; what is not named has the generic table
_GENERIC = 219
_JOIN_SESSION_KEYRING = 1  # linux/keyctl.h
_NOT_THERE = 38  # ENOSYS: a kernel without keyrings
_libc = ctypes.CDLL(None, use_errno=True)


def renew() -> None:
    """Give this thread a new and empty session keyring. Raises OSError."""
    number = _KEYCTL.get(os.uname().machine, _GENERIC)
    if _libc.syscall(number, _JOIN_SESSION_KEYRING, None) < 0 and ctypes.get_errno() != _NOT_THERE:
        raise OSError(ctypes.get_errno(), f"no new session keyring: {os.strerror(ctypes.get_errno())}")
