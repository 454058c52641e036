"""What matters for trust in a difference: files of certain names, and added lines that do certain things. Pure.

A sign is where to look, never a judgement: a new package has many. A patch below debian/patches shows its lines in the
files that it changes, too, for the sources are compared with all patches applied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from review.evidence import kinds
from review.evidence.values import Change, Sign

MOST = 40  # signs of one kind that are kept of one upload, or a flood of one would hide another
_SHOWN = 160  # characters of a line
KINDS = {
    "maintainer-script": "maintainer scripts",
    "rules": "changes to debian/rules",
    "unit": "systemd units and init scripts",
    "setuid": "setuid and capabilities",
    "cron": "cron",
    "udev": "udev",
    "alternatives": "alternatives",
    "diversion": "diversions",
    "user": "users and groups",
    "network": "network in the build",
    "program": "programs without source",
    "archive": "archives in the source",
    "vendored": "code from elsewhere",
    "patch": "patches",
    "licence": "licences",
    "upstream-key": "keys of upstream",
    "link": "links out of the source",
    "odd-name": "odd file names",
}
_FILES = (
    ("maintainer-script", r"debian/(?:.*\.)?(?:preinst|postinst|prerm|postrm|config)"),
    ("rules", r"debian/rules"),
    ("unit", r"debian/.*\.(?:path|mount|tmpfiles?|sysusers|init)|debian/init|.*\.(?:service|socket|timer)(?:\.in)?"),
    ("cron", r"debian/(?:.*\.)?cron\.(?:d|hourly|daily|weekly|monthly)|(?:.*/)?(?:crontab|cron\.d/.*)"),
    ("udev", r"debian/(?:.*\.)?udev|.*/udev/.*\.rules"),
    ("alternatives", r"debian/(?:.*\.)?alternatives"),
    ("patch", r"debian/patches/(?!series$).*"),
    ("licence", r"debian/copyright|(?:.*/)?(?:COPYING|LICEN[CS]E)(?:\.[\w.-]+)?"),
    ("upstream-key", r"debian/upstream/signing-key\.(?:asc|pgp)"),
)
_LINES = (
    (
        "setuid",
        rb"chmod\s+(?:-R\s+)?(?:[2467][0-7]{3}|[ugoa]*\+\w*s)\b|-m\s*0?[2467][0-7]{3}\b|dpkg-statoverride|setcap\b",
    ),
    ("diversion", rb"dpkg-divert"),
    ("alternatives", rb"update-alternatives"),
    ("cron", rb"/etc/cron|/var/spool/cron|crontab\b"),
    ("udev", rb"udevadm|/udev/rules\.d"),
    ("unit", rb"systemctl\s+(?:enable|start|unmask)|deb-systemd-helper"),
    ("user", rb"\b(?:adduser|addgroup|useradd|groupadd|usermod)\b"),
    (
        "network",
        rb"\b(?:curl|wget)(?:\s+(?:[-\"'$]|\w+://|[\w.-]+\.\w+/)|[\"']\s*,)|\b(?:ncat|netcat|socat)\s|"
        rb"git\s+clone|\bpip3?\s+(?:install|download)|\bnpm\s+(?:ci|install)|"
        rb"\bcargo\s+(?:fetch|install)|\bgo\s+(?:get|mod\s+download)|urllib|requests\.get|/dev/tcp/",
    ),
)
_FILE = re.compile("|".join(f"(?P<k{number}>{pattern})" for number, (_, pattern) in enumerate(_FILES)))
_LINE = re.compile(b"|".join(b"(?P<k%d>%s)" % (number, pattern) for number, (_, pattern) in enumerate(_LINES)))
_COMMENT = re.compile(rb"\+\s*#(?!!)")
_LICENCE = re.compile(rb"Licensed under|GNU (?:Lesser |Affero )?General Public|All rights reserved")
_BUILT_BY = re.compile(
    r"debian/(?!(?:changelog|control|copyright|watch|upstream/metadata|(?:.*[.])?(?:NEWS|README)(?:[.](?:Debian|source))?"
    r"|.*[.](?:po|pot|docs|lintian-overrides))$|patches/).*|(?:.*/)?(?:GNUm|M|m)akefile(?:\.\w+)?|.*\.(?:mk|cmake|sh)|"
    r"(?:.*/)?(?:CMakeLists\.txt|configure\.(?:ac|in)|meson\.build|setup\.py|build\.rs|build\.py|SConstruct|package\.json)"
)


def of_file(path: str, change: Change) -> Sign | None:
    """Give the sign that a file of this name is, when it is added, removed or changed."""
    match = _FILE.fullmatch(path)
    if match and match.lastgroup:
        return Sign(_FILES[int(match.lastgroup[1:])][0], path, change)
    if change != "added":
        return None
    for sign, found in (("program", kinds.is_program), ("archive", kinds.is_archive), ("vendored", kinds.is_vendored)):
        if found(path):
            return Sign(sign, path, change)
    return None


def builds(path: str) -> bool:
    """Say whether what stands in a file runs when the package is built or installed."""
    return _BUILT_BY.fullmatch(path) is not None


def of_line(path: str, text: bytes, line: int, *, runs: bool) -> Iterator[Sign]:
    """Give the signs in an added line (with its `+`) of a file; `runs` is what `builds` says of it."""
    match = _LINE.search(text) if runs and not _COMMENT.match(text) else None
    if match and match.lastgroup:
        yield Sign(_LINES[int(match.lastgroup[1:])][0], path, _shown(text), line)
    elif not runs and not path.startswith(kinds.PACKAGING) and _LICENCE.search(text):
        yield Sign("licence", path, _shown(text), line)


def _shown(text: bytes) -> str:
    words = " ".join(text[1:].decode(errors="replace").split())
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}..."
