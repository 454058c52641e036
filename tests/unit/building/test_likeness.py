"""What a build's log says that the build found around it."""

from __future__ import annotations

from daemons.building.byhand import likeness
from daemons.building.byhand.likeness import Likeness
from daemons.building.layers.resolving import Chosen, Package

BASE = "bookworm-amd64-0123456789ab"
KEY = "0123456789abcdef"
CHOICE = Chosen((Package("ed", "1.19-1", "amd64", "00"), Package("tool:i386", "1:2~rc-3", "i386")), ("fakeroot",))


def lines(*parts: bytes) -> list[str]:
    return b"".join(parts).decode().splitlines(keepends=True)


def test_what_is_written_is_read_again() -> None:
    log = lines(
        b"tiny 1.0\n", likeness.of_base(BASE), b"$ apt-get\n", likeness.of_choice(KEY, CHOICE, "cold"), b"more\n"
    )
    names = Chosen((Package("ed", "1.19-1", ""), Package("tool:i386", "1:2~rc-3", "")), ("fakeroot",))
    assert likeness.read(log) == Likeness(BASE, KEY, names)


def test_a_build_that_needed_nothing_had_only_a_base() -> None:
    log = lines(likeness.of_base(BASE), likeness.of_choice(KEY, Chosen(), "cold"), b"=== setup === 2026-11-02\n")
    assert likeness.read(log) == Likeness(BASE)


def test_a_package_that_prints_such_lines_is_not_believed() -> None:
    forged = likeness.of_base("evil-amd64-0123456789ab") + likeness.of_choice("f" * 16, CHOICE, "warm")
    needed_nothing = lines(likeness.of_base(BASE), b"=== setup === 2026-11-02\n", forged)
    assert likeness.read(needed_nothing) == Likeness(BASE)
    had_a_layer = lines(likeness.of_base(BASE), likeness.of_choice(KEY, CHOICE, "cold"), forged)
    seen = likeness.read(had_a_layer)
    assert seen is not None
    assert (seen.base, seen.layer) == (BASE, KEY)


def test_a_build_without_an_environment_says_nothing() -> None:
    assert likeness.read([]) is None
    assert likeness.read(lines(b"tiny 1.0\n", b"=== failed: no .dsc ===\n")) is None
