"""Looking into a source in an environment: unpacked, listed, compared with the published one. Nothing of it is run.

An environment without network is given; whatever the source does to it ends with it. What comes out are plain files of
bounded size, which are read as text (`review.evidence`). Tools: dpkg-source, find, diff, grep.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from daemons.building.environment import DIRECTORY, Broken, Ended, Environment, Limits, in_mib
from review.evidence import tree, unfit
from review.evidence.values import Trouble

OLD, NEW = "old", "new"
VARIABLES = {"LC_ALL": "C", "TZ": "UTC"}
_SPECIAL, _TOO_MANY = 3, 4  # how the script below ends
KEY = "key"
TREES = ("tree.old", "tree.new")
TEXTS = ("changelog", "control", "trouble", "copyright.old", "copyright.new")
SPDX = "spdx"
# dpkg-source keeps copies of what patches change, which the diff shows already; what else is there a patch has made.
_TIDY = r"""test -s debian/patches/series && test -s .pc/applied-patches && {
  awk '{patch = $0; file = "debian/patches/" patch
    while ((getline line <file) > 0) if (line ~ /^(---|[+][+][+]) [^\t]*\//) {
      sub(/\t.*/, "", line); sub(/^[^\/]*\//, "", line); printf "%s/%s%c", patch, line, 0
    }
    close(file)
  }' .pc/applied-patches | (cd .pc && xargs -0r rm -f --)
  rm -f .pc/.version .pc/.quilt_patches .pc/.quilt_series .pc/applied-patches
  find .pc -type d -empty -delete
}"""
_LOOK = f"""
test -d old || mkdir old
for tree in old new; do (cd $tree && {_TIDY}); done
find new -not -type f -not -type d -not -type l -print -quit >special
if test -s special; then cat special; exit {_SPECIAL}; fi
count=$(find new | wc -l)
if test "$count" -gt "$1"; then echo "$count"; exit {_TOO_MANY}; fi
for tree in old new; do find $tree -printf '{tree.FORMAT}' >tree.$tree; done
grep -rlaFZ -e "$(printf '\\177ELF')" new >programs
head -c 1048576 new/debian/changelog >changelog
head -c 1048576 new/debian/control >control
for tree in old new; do head -c 1048576 $tree/debian/copyright 2>/dev/null >copyright.$tree; done
grep -rIoEZ -m1 -e 'SPDX-License-Identifier: .{{1,100}}' new | head -c 16777216 >spdx
for name in pgp asc; do head -c 1048576 new/debian/upstream/signing-key.$name 2>/dev/null; done >key
mkdir -p first/old first/new
for tree in old new; do mv -T $tree/debian first/$tree/debian; done
compare() {{ diff -ruN --no-dereference old new 2>>{DIRECTORY}/errors; }}
: >errors
{{ (cd first && compare); compare; }} | head -c "$2" >diff
grep -v '^diff: .*: No such file or directory$' errors >trouble  # so diff says of links that only one tree has
exit 0
"""


class Bounds(Struct, frozen=True):
    """How much looking into one source may use, besides the limits of its commands: files in a tree, bytes of diff."""

    limits: Limits
    files: int = 500_000
    diff: int = 256 << 20


class Looked(Struct, frozen=True):
    """What came out, as files in `directory`: listings, the diff, some texts.

    `whole`: the diff was not cut off, and diff(1) had no trouble. `unreadable` says why the published source could not
    be unpacked; then it counts as empty. `warnings` are dpkg-source's, of the new one.
    """

    directory: Path
    whole: bool
    unreadable: str = ""
    warnings: tuple[str, ...] = ()


def look(
    environment: Environment, new: Sequence[Path], old: Sequence[Path], into: Path, bounds: Bounds
) -> Looked | Trouble:
    """Look into a source; `new` and `old` are the files of the two, each with its .dsc first.

    Raises Broken when the machine failed, or somebody killed what runs.
    """
    environment.bring(list({path.name: path for path in (*old, *new)}.values()))
    unreadable = _unpack(environment, old[0].name, OLD, bounds)[0] if old else None
    if unreadable:
        environment.run(["rm", "-rf", OLD], log=io.BytesIO(), limits=bounds.limits)
    trouble, warnings = _unpack(environment, new[0].name, NEW, bounds)
    trouble = trouble or _compare(environment, bounds)
    if trouble is not None:
        return trouble
    names = ["diff", "programs", KEY, SPDX, *TREES, *TEXTS]
    results = environment.collect(names, into, bounds.limits)
    return Looked(
        directory=into,
        whole=results[0].size < bounds.diff and not (into / "trouble").stat().st_size,
        unreadable=unreadable.words if unreadable else "",
        warnings=warnings,
    )


def _unpack(environment: Environment, dsc: str, into: str, bounds: Bounds) -> tuple[Trouble | None, tuple[str, ...]]:
    """Unpack a source; give why that cannot be, and what dpkg-source warned of."""
    log = io.BytesIO()
    argv = ["dpkg-source", "--no-check", "--no-copy", "-x", dsc, into]
    ended = environment.run(argv, log=log, limits=bounds.limits, variables=VARIABLES)
    said = log.getvalue().decode(errors="replace")
    if trouble := _at_a_limit(ended, environment, bounds):
        return trouble, ()
    climbs = unfit.explain(said)
    return climbs if not ended.well or climbs.rule == "climbs-out" else None, unfit.warnings(said)


def _compare(environment: Environment, bounds: Bounds) -> Trouble | None:
    log = io.BytesIO()
    words = [str(bounds.files), str(bounds.diff)]
    ended = environment.run(["sh", "-c", _LOOK, "look", *words], log=log, limits=bounds.limits, variables=VARIABLES)
    said = log.getvalue().decode(errors="replace").strip().rpartition("\n")[2][:200]
    if trouble := _at_a_limit(ended, environment, bounds):
        return trouble
    if ended.status == _SPECIAL:
        return Trouble("device", f"{said}: neither a file nor a directory nor a link")
    if ended.status == _TOO_MANY:
        return Trouble("too-many-files", f"it unpacks to {said} files, and {bounds.files} are looked into")
    if not ended.well:
        raise Broken(f"a source cannot be looked into: {said or ended.status}")
    return None


def _at_a_limit(ended: Ended, environment: Environment, bounds: Bounds) -> Trouble | None:
    """Say which limit was met. Raises Broken when something was killed."""
    if ended.how == "killed":
        raise Broken("what looked into a source was killed")
    match ended.how:
        case "itself":
            return None
        case "disk" if environment.spent().disk < bounds.limits.disk // 2:
            return Trouble("too-many-files", "it unpacks to more files than the sandbox has room for")
        case "disk":
            return Trouble("too-large", f"it unpacks to more than {in_mib(bounds.limits.disk)}")
        case "memory" | "processes" | "shm" as what:
            return Trouble("too-large", f"unpacking it takes more than it may have: {what}")
        case _:
            return Trouble("too-long", f"unpacking it takes longer than {bounds.limits.seconds:g} s, or says too much")
