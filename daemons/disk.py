"""What a file system lacks: space, inodes, or that it may be written at all (statvfs(3))."""

from __future__ import annotations

import os
from pathlib import Path

INODES = 500  # that are to be free; an upload or a build makes some dozens of files


def lack(place: Path | int, floor: int) -> str:
    """Say what is wrong with the disk of a path or descriptor, as the end of a sentence; empty: nothing.

    `floor` is how many bytes are to be free for those who are not root.
    """
    found = os.statvfs(place)
    free = found.f_bavail * found.f_frsize
    if found.f_flag & os.ST_RDONLY:
        return "is read-only"
    if free < floor:
        return f"is full: {free / 2**20:.1f} MiB are free, {floor / 2**20:.1f} MiB have to be"
    if found.f_files and found.f_favail < INODES:
        return f"is full: it has room for {found.f_favail} more files, {INODES} have to fit"
    return ""
