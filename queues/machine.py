"""Errors that are the machine's: no entry is to blame for them, and the same work succeeds when the machine is well."""

from __future__ import annotations

import errno

FAULTS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EROFS,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EACCES,
        errno.EFBIG,  # RLIMIT_FSIZE, for Python ignores SIGXFSZ
    }
)

ONE_ENTRYS = frozenset({errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.ESTALE})


def is_one_entrys(error: BaseException) -> bool:
    """Say whether an error of reading may be that of one place on the disk only."""
    return isinstance(error, OSError) and error.errno in ONE_ENTRYS


def is_to_blame(error: BaseException) -> bool:
    """Say whether an error is the machine's."""
    return isinstance(error, OSError) and error.errno in FAULTS


def complaint(error: OSError) -> str:
    """Say what the machine refuses, and where, for people."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
