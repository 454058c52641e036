"""What a client's path means: a name in the uploader's own area, a report, or one of three directories. Pure.

There are no directories to walk: `/` holds `/incoming` (the area, flat) and `/status` (reports to read). A file sent to
`/` lands in the area too, so that `sftp host` and `put` just work. No path ever names anything outside these two.
"""

from __future__ import annotations

import posixpath
import re
from typing import Literal, NamedTuple

from daemons.intake.answers import Refusal

ROOT, INCOMING, STATUS = "/", "/incoming", "/status"
LONGEST_PATH = 1024
LONGEST_NAME = 200

# Names that dpkg-source(1), dpkg-genchanges(1) and dpkg-genbuildinfo(1) give to files: source or package, `_`, version,
# perhaps `_` and architecture. A version in a file name has no epoch.
_PACKAGE_FILE = re.compile(
    r"[a-z0-9][a-z0-9+.-]*_[A-Za-z0-9.+~-]+(?:_[a-z0-9-]+)?"
    r"\.(?:dsc|changes|buildinfo|tar\.(?:gz|xz|bz2|zst|lzma)(?:\.asc)?|diff\.gz|deb|udeb|ddeb)"
)
_COMMANDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~@-]*\.commands")  # dcut(1): dcut.NAME.TIME.PID.commands
_REPORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~@-]*\.txt")

Kind = Literal["root", "incoming", "status", "upload", "report"]


class Place(NamedTuple):
    """What a path means; `name` is empty for directories."""

    kind: Kind
    name: str = ""


def canonical(path: str) -> str:
    """Make a path absolute and plain, by its text alone; `..` never leads above `/`. Raises Refusal."""
    if len(path) > LONGEST_PATH:
        raise Refusal(f"the path is longer than {LONGEST_PATH} characters")
    return posixpath.normpath("/" + path.lstrip("/"))


def resolve(path: str) -> Place:
    """Find out what a path means. Raises FileNotFoundError where nothing can be, Refusal for a bad path."""
    plain = canonical(path)
    directories: dict[str, Kind] = {ROOT: "root", INCOMING: "incoming", STATUS: "status"}
    if plain in directories:
        return Place(directories[plain])
    parent, name = posixpath.split(plain)
    if parent in (ROOT, INCOMING) and is_upload(name):
        return Place("upload", name)
    if parent == STATUS and is_report(name):
        return Place("report", name)
    raise FileNotFoundError(path)


def upload_name(path: str) -> str:
    """Give the name of a file to be sent to this path. Raises Refusal that says which names are possible."""
    try:
        place = resolve(path)
    except FileNotFoundError:
        raise Refusal(_complaint(canonical(path))) from None
    if place.kind != "upload":
        raise Refusal(f"{canonical(path)}: is for reading; send files to {INCOMING}")
    return place.name


def is_upload(name: str) -> bool:
    """Say whether a file of this name may be sent."""
    fits = _PACKAGE_FILE.fullmatch(name) or _COMMANDS.fullmatch(name)
    return fits is not None and len(name) <= LONGEST_NAME


def is_report(name: str) -> bool:
    """Say whether a file of this name may be read below `/status`."""
    return _REPORT.fullmatch(name) is not None and len(name) <= LONGEST_NAME


def _complaint(plain: str) -> str:
    parent, name = posixpath.split(plain)
    if parent not in (ROOT, INCOMING):
        return f"{plain[:LONGEST_NAME]}: there is no such directory; send files to {INCOMING}"
    if len(name) > LONGEST_NAME:
        return f"{name[:40]}...: the name is longer than {LONGEST_NAME} characters"
    return (
        f"{name}: not the name of a file of a Debian upload (.changes, .dsc, .tar.*, .diff.gz, .buildinfo, .commands)"
    )
