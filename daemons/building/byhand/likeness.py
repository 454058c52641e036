"""What a build found around it: written into its log before anything of a package runs, and read from there again.

The lines come first in the log, so none that a package printed is taken for one of them. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from daemons.building.layers.resolving import Chosen, Package

_BASE = re.compile(r"base (?P<base>[a-z][a-z0-9.+-]*-[a-z0-9]+-[0-9a-f]{12})\n")
_LAYER = re.compile(r"dependency layer (?P<key>[0-9a-f]{16}), ")
_PACKAGES = re.compile(r"packages: (?P<names>.*)\n")
_WITHOUT = "without"
_NOTHING = "the base has all build dependencies\n"


class Likeness(Struct, frozen=True):
    """The name of a base; the key of a dependency layer, empty when there was none, and what was chosen for it."""

    base: str
    layer: str = ""
    choice: Chosen = Chosen()


def of_base(name: str) -> bytes:
    """Write the line that names a base."""
    return f"base {name}\n".encode()


def of_choice(key: str, choice: Chosen, state: str) -> bytes:
    """Write the lines that name a layer and what is in it, or that none was needed."""
    if choice.nothing:
        return _NOTHING.encode()
    names = ", ".join(choice.in_words)
    return f"dependency layer {key}, {len(choice.installed)} packages: {state}\npackages: {names}\n".encode()


def read(log: Iterable[str]) -> Likeness | None:
    """Read what a build found from the lines of its log; None when it had no environment."""
    base = key = ""
    for line in log:
        if not base and (match := _BASE.fullmatch(line)):
            base = match["base"]
        elif base and not key and (match := _LAYER.match(line)):
            key = match["key"]
        elif key and (match := _PACKAGES.fullmatch(line)):
            return Likeness(base, key, _choice(match["names"].split(", ")))
        elif line == _NOTHING or line.startswith("=== setup ==="):
            break
    return Likeness(base) if base else None


def _choice(names: list[str]) -> Chosen:
    pairs = [name.split(" ", 1) for name in names]
    installed = tuple(Package(name, version, "") for name, version in pairs if name != _WITHOUT)
    return Chosen(installed, tuple(name for word, name in pairs if word == _WITHOUT))
