"""How much one uploader, one address and the server as a whole may use. Values only."""

from __future__ import annotations

from msgspec import Struct

MIB = 1 << 20
GIB = 1 << 30


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What the server allows.

    `login_seconds` runs from the connection to the accepted key; `tries` are keys offered and refused. `sessions` and
    `sessions_per_address` count connections, `strangers` those of all that have not logged in, `sessions_per_uploader`
    the channels of one account, `channels` those open on one connection, `handles` those open on one
    channel. `file_bytes` bounds one file, `area_bytes` and `area_files` what one uploader has lying here untaken,
    `session_files` the files of one channel. Nothing is taken when fewer than `free_bytes` are free on the disk.
    A connection on which no data came for `idle_seconds`, or not even `slow_bytes` in `slow_seconds`, is closed.
    """

    login_seconds: float = 20
    tries: int = 4
    sessions: int = 64
    strangers: int = 32
    sessions_per_address: int = 16
    sessions_per_uploader: int = 16
    channels: int = 2
    handles: int = 16
    file_bytes: int = 4 * GIB
    area_bytes: int = 16 * GIB
    area_files: int = 2000
    session_files: int = 2000
    free_bytes: int = 512 * MIB
    idle_seconds: float = 300
    slow_seconds: float = 1800
    slow_bytes: int = 64 << 10
