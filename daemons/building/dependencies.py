"""Installing build dependencies, and what apt says when it cannot. Decided from apt's words under LC_ALL=C. Pure.

Source: apt-get(8) build-dep; the wording is apt's `ShowBroken`.
"""

from __future__ import annotations

import re

from daemons.building.environment import DIRECTORY, DepWait, Kind, Unavailable

UPDATE = ("apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update")
_UNMET = re.compile(r"^(?:The following packages have unmet|Unsatisfied) dependencies:\n", re.MULTILINE)
_RELATION = re.compile(
    r"(?:(?P<owner>\S+) : )?(?:(?P<kind>[A-Z][A-Za-z-]+): )?(?P<what>\S+(?: \([^)]*\))?)(?P<rest>.*)"
)
_FAILED = "Errors were encountered while processing:"
_NOT_FOUND = re.compile(r"^E(?:rror)?: Unable to locate package (\S+)", re.MULTILINE)
_ERROR = re.compile(r"^E(?:rror)?: (.*)", re.MULTILINE)


def build_dep(dsc: str, kind: Kind, *, simulate: bool = False) -> tuple[str, ...]:
    """Give the command that installs what a .dsc needs for `-B` (arch) or `-A` (indep)."""
    simulation = ("--simulate",) if simulate else ()
    return (
        "apt-get",
        "-q",
        "-y",
        "--no-install-recommends",
        *simulation,
        "build-dep",
        f"--{kind}-only",
        f"{DIRECTORY}/{dsc}",
    )


def decide(simulated: bool, said: str, installing: str) -> DepWait | Unavailable:
    """Say why dependencies were not installed.

    `simulated` is whether apt could choose what to install, `said` what it said then, `installing` what it said before.
    """
    if not simulated:
        wanted = missing(said)
        return DepWait(wanted) if wanted else Unavailable(_last_error(said) or "apt-get build-dep failed")
    _, failed, packages = installing.partition(_FAILED)
    if failed:
        return DepWait(f"{', '.join(_indented(packages))} (it cannot be configured)")
    return Unavailable(_last_error(installing) or "apt-get build-dep failed")


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
