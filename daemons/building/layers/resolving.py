"""What a source needs, what apt chose for it, and the keys under which both are found again. Pure.

Apt never sees the .dsc: it gets one that has the fields of the build dependencies and nothing else, so a key made of
these says all that apt knew. Source: deb-src-control(5), apt-get(8) --print-uris.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from archive import dscfile
from daemons.building.environment import LocalArchive
from daemons.building.roots.contents import File
from queues import control

_FIELDS = tuple(f"Build-{relation}{only}" for relation in ("Depends", "Conflicts") for only in ("", "-Arch", "-Indep"))
_NEEDED = "Format: 1.0\nSource: needed\nBinary: needed\nArchitecture: any\nVersion: 1\n"
_FETCHED = re.compile(
    r"^'.*' (?P<name>[^\s_]+)_(?P<version>[^\s_]+)_(?P<of>[^\s_]+)\.deb \d+ (?P<hash>\S*)$", re.MULTILINE
)
_REMOVED = re.compile(r"^The following packages will be REMOVED:\n(?P<names>(?: .*\n)+)", re.MULTILINE)
_HASH = re.compile(r"SHA256:([0-9a-f]{64})")


class Package(Struct, frozen=True):
    """A package that apt would install, and the SHA256 of its .deb, empty where the lists have none."""

    name: str
    version: str
    architecture: str
    sha256: str = ""


class Chosen(Struct, frozen=True):
    """What apt would do: install packages, and remove others."""

    installed: tuple[Package, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Say whether the base is enough as it is."""
        return not self.installed and not self.removed

    @property
    def in_words(self) -> tuple[str, ...]:
        """Name the packages and their versions."""
        names = [f"{package.name} {package.version}" for package in self.installed]
        return (*names, *(f"without {name}" for name in self.removed))


def needed(dsc: bytes) -> bytes:
    """Give a .dsc of the build dependencies alone. Raises NotADsc, Malformed."""
    fields = {name.lower(): value for name, value in control.paragraph(dscfile.paragraph(dsc)).items()}
    lines = [f"{name}: {fields[name.lower()]}\n" for name in _FIELDS if name.lower() in fields]
    return (_NEEDED + "".join(lines)).encode()


def exactly(choice: Chosen) -> bytes:
    """Give a .dsc whose build dependencies are these packages in these versions, and without what was removed."""
    wanted = ", ".join(f"{one.name} (= {one.version})" for one in choice.installed)
    without = ", ".join(choice.removed)
    fields = {"Build-Depends": wanted, "Build-Conflicts": without}
    return (_NEEDED + "".join(f"{name}: {value}\n" for name, value in fields.items() if value)).encode()


def chosen(said: str, architecture: str) -> Chosen:
    """Read what apt would fetch and remove, in a base of an architecture; the order does not matter."""
    found = [_package(match, architecture) for match in _FETCHED.finditer(said)]
    removed = " ".join(match["names"] for match in _REMOVED.finditer(said))
    return Chosen(tuple(sorted(found, key=msgspec.structs.astuple)), tuple(sorted(removed.split())))


def _package(fetched: re.Match[str], architecture: str) -> Package:
    """Give the package of a .deb by the name that apt gives it; names and versions are no proof of what is in it.

    Two sites may have built one version each, and their layers lie in one cache.
    """
    name, version, of = (unquote(fetched[group]) for group in ("name", "version", "of"))
    known = _HASH.fullmatch(fetched["hash"])
    return Package(name if of in (architecture, "all") else f"{name}:{of}", version, of, known[1] if known else "")


def unidentified(choice: Chosen) -> str:
    """Name the first package whose SHA256 is not known; empty when there is none."""
    return next((one.name for one in choice.installed if not one.sha256), "")


def choice_key(base: str, indices: Sequence[str], command: Sequence[str], needed: bytes) -> str:
    """Make the key of a choice: the same base, indices, command and build dependencies give the same."""
    return _key("choice", base, *indices, "", *command, "", needed.decode())


def layer_key(base: str, choice: Chosen) -> str:
    """Make the key of a dependency layer: the same base and packages give the same."""
    packages = [f"{one.name} {one.version} {one.architecture} {one.sha256}" for one in choice.installed]
    return _key("layer", base, *packages, "", *choice.removed)


def archives_key(mirror: str, archives: Sequence[tuple[LocalArchive, bytes, bytes]]) -> str:
    """Make the key of the indices of a mirror and of archives, each with the octets of its key and of its InRelease."""
    facts = [
        (str(one.root), one.suite, *one.components, one.path, key.hex(), state.hex()) for one, key, state in archives
    ]
    return _key("archives", mirror, *("\n".join(fact) for fact in facts))


def origin_key(base: str, files: Sequence[File]) -> str:
    """Make the key of where packages come from: a base's mirror alone, or with what files tell apt besides."""
    return _key("origin", base, *(f"{one.path}\n{one.content.hex()}" for one in files)) if files else base


def state_key(base: str, releases: Sequence[bytes]) -> str:
    """Make the key of a mirror's indices, from the octets of each InRelease."""
    return _key("mirror", base, *sorted(hashlib.sha256(release).hexdigest() for release in releases))


def _key(*words: str) -> str:
    return hashlib.sha256(msgspec.json.encode(words)).hexdigest()[:16]
