"""Where a build writes."""

from __future__ import annotations

import pytest

from daemons.building.roots.memory import available, choose

GIB = 1 << 30


@pytest.mark.parametrize(
    ("size", "memory", "on_disk"),
    [(1 << 20, 24 * GIB, False), (1 << 20, 1 * GIB, True), (140 << 20, 24 * GIB, False), (140 << 20, 8 * GIB, True)],
)
def test_a_large_source_or_a_small_memory_means_disk(size: int, memory: int, on_disk: bool) -> None:
    room = choose(size, memory)
    assert room.on_disk is on_disk
    assert ("on disk" in room.reason, "in memory" in room.reason) == (on_disk, not on_disk)


def test_the_machine_says_what_it_has() -> None:
    assert available() > 1 << 20
