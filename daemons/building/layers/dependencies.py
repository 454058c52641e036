"""Installing build dependencies, and what apt says when it cannot. Decided from apt's words under LC_ALL=C. Pure.

Source: apt-get(8) build-dep; the wording is apt's `ShowBroken`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from daemons.building.environment import DIRECTORY, DepWait, Kind, Unavailable

UPDATE = ("apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update")
_ONLY_OURS = ("Dir::Etc::SourceList=/etc/apt/sources.list.d/debmill.list", "Dir::Etc::SourceParts=-")
UPDATE_ARCHIVES = (*UPDATE, *(word for option in (*_ONLY_OURS, "APT::Get::List-Cleanup=0") for word in ("-o", option)))
PREPARE = ("apt-cache", "-q", "gencaches")  # else each apt that comes later reads all lists again
NEEDED = f"{DIRECTORY}/needed.dsc"
# What only the installation needed, or what differs from one to the next, is no part of a layer.
CLEAN = (
    "sh",
    "-ec",
    f"""
rm -rf {DIRECTORY} /srv/archive-* /tmp/* /etc/apt/keyrings/archive-* /etc/apt/sources.list.d/debmill.list
rm -f /var/lib/dpkg/*-old /var/cache/ldconfig/aux-cache /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
find /var/log -type f -delete
""",
)
_UNMET = re.compile(r"^(?:The following packages have unmet|Unsatisfied) dependencies:\n", re.MULTILINE)
_RELATION = re.compile(
    r"(?:(?P<owner>\S+) : )?(?:(?P<kind>[A-Z][A-Za-z-]+): )?(?P<what>\S+(?: \([^)]*\))?)(?P<rest>.*)"
)
_FULL = "No space left on device"
_FAILED = "Errors were encountered while processing:"
_NOT_FOUND = re.compile(r"^E(?:rror)?: Unable to locate package (\S+)", re.MULTILINE)
_ERROR = re.compile(r"^E(?:rror)?: (.*)", re.MULTILINE)


def build_dep(kind: Kind, profiles: Sequence[str] = (), *, choosing: bool = False) -> tuple[str, ...]:
    """Give the command that installs what the .dsc `NEEDED` needs for `-B` (arch) or `-A` (indep), or names it.

    For apt to print what it would fetch takes half the time of a simulation, and gives the SHA256 of each .deb.
    """
    saying = ("--print-uris", "-o", "Acquire::ForceHash=SHA256") if choosing else ()
    under = (f"--build-profiles={','.join(profiles)}",) if profiles else ()
    return (
        "apt-get",
        "-q",
        "-y",
        "--no-install-recommends",
        *saying,
        "build-dep",
        *under,
        f"--{kind}-only",
        NEEDED,
    )


def unresolved(said: str) -> DepWait | Unavailable:
    """Say why apt could not choose what to install, from what it said then."""
    wanted = missing(said)
    return DepWait(wanted) if wanted else Unavailable(_last_error(said) or "apt-get build-dep failed")


def not_installed(said: str) -> DepWait | Unavailable:
    """Say why what apt chose was not installed, from what it said."""
    if _FULL in said:
        return Unavailable(f"the build dependencies could not be installed: {_FULL}")
    _, failed, packages = said.partition(_FAILED)
    if failed:
        return DepWait(f"{', '.join(_indented(packages))} (it cannot be configured)")
    return Unavailable(_last_error(said) or "apt-get build-dep failed")


def missing(said: str) -> str:
    """Name what the source wants and apt cannot give, as the source's relationship field would; empty when unknown."""
    found = _UNMET.search(said)
    if found is None:
        return ", ".join(_NOT_FOUND.findall(said))
    groups: list[str] = []
    for line in _indented(said[found.end() :], strip=False):
        match = _RELATION.fullmatch(line.strip())
        if match is None or (match["owner"] and groups):
            break
        what = f"conflict with {match['what']}" if match["kind"] == "Conflicts" else match["what"]
        if match["kind"]:
            groups.append(what)
        else:
            groups[-1] += f" | {what}"
    return ", ".join(groups)


def _indented(text: str, *, strip: bool = True) -> list[str]:
    lines: list[str] = []
    for line in text.lstrip("\n").splitlines():
        if not line.startswith(" "):
            break
        lines.append(line.strip() if strip else line)
    return lines


def _last_error(said: str) -> str:
    errors = _ERROR.findall(said)
    return errors[-1] if errors else ""
