"""One road, killed at each rename, link, sync and removal that its programs make, from outside by strace."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.mill import place, remove_site
from tests.support.road import Road
from tests.support.storm_calls import STEPS, Walked, die, walk

pytestmark = pytest.mark.integration
AT_ONCE = 2
NAMES = [step.name for step in STEPS]


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    """A directory beside the sites, which the service account can reach."""
    room = place(f"calls-{os.getpid()}")
    room.mkdir(mode=0o755)
    yield room
    remove_site(room)


@pytest.fixture(scope="module")
def walked(room: Path) -> Iterator[dict[str, Walked]]:
    road = Road(room / "site")
    try:
        road.make_site(("amd64",))
        road.make_environments()
        every = {one.step.name: one for one in walk(road, room)}
        for name, one in every.items():
            sys.stdout.write(f"{name}: {len(one.calls)} calls {dict(Counter(call for call, _ in one.calls))}\n")
        yield every
    finally:
        road.close()


def died(walked: Walked, room: Path, calls: list[tuple[str, int]]) -> list[str]:
    """What is wrong after a death at each of these calls."""

    def one(number: int) -> list[str]:
        site = room / f"copy-{number}"
        return [wrong for call in calls[number::AT_ONCE] for wrong in die(walked, site, *call)]

    with ThreadPoolExecutor(AT_ONCE) as workers:
        return [wrong for found in workers.map(one, range(AT_ONCE)) for wrong in found]


@pytest.mark.parametrize("name", NAMES)
def test_a_step_that_dies_at_a_call_ends_all_the_same(walked: dict[str, Walked], room: Path, name: str) -> None:
    calls = random.sample(walked[name].calls, 2)
    assert "\n".join(died(walked[name], room, calls)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_step_that_dies_at_any_call_ends_all_the_same(walked: dict[str, Walked], room: Path, name: str) -> None:
    assert "\n".join(died(walked[name], room, list(walked[name].calls))) == ""
