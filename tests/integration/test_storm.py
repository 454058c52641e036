"""A storm from outside: the real daemons on real work, killed at random instants, and what is left when it is over.

`DEBMILL_STORM_SEED` repeats a storm as far as the killer's choices go; the instants are the machine's.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import consistency
from tests.support.apt import Client
from tests.support.mill import place, remove_site
from tests.support.road import SUITE, Road
from tests.support.small import Small
from tests.support.storm import Storm, free_port

pytestmark = pytest.mark.integration
SEED = "DEBMILL_STORM_SEED"
_DOWNLOAD = """
apt-get -q update
cd "$(mktemp -d)"
apt-get -q download {names}
for deb in *.deb; do dpkg-deb -W --showformat 'got ${{Package}} ${{Version}}\\n' "$deb"; done
"""


@pytest.fixture
def road() -> Iterator[Road]:
    road = Road(place(f"storm-{os.getpid()}"))
    try:
        road.make_site(("amd64",), f"127.0.0.1:{free_port()}")
        road.make_environments()
        yield road
    finally:
        road.close()
        remove_site(road.site)


@pytest.fixture
def seed(capsys: pytest.CaptureFixture[str]) -> int:
    """Where the killer's choices come from; printed, whatever comes of it."""
    seed = int(os.environ.get(SEED, random.randrange(1 << 32)))
    with capsys.disabled():
        sys.stdout.write(f"\nthe storm is {SEED}={seed}\n")
    return seed


def test_whatever_of_debmill_is_killed_every_upload_is_published_once(road: Road, seed: int) -> None:
    weather(road, Storm(road, seed, deep=False), kills=10, pause=(0.3, 2.0), patience=120)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whatever_is_killed_every_upload_is_published_once(road: Road, seed: int) -> None:
    storm = Storm(road, seed, deep=True)
    weather(road, storm, kills=60, pause=(0.3, 4.0), patience=400)
    assert consistency.interrupted(road.site) != []


def weather(road: Road, storm: Storm, *, kills: int, pause: tuple[float, float], patience: float) -> None:
    """Let it storm, and judge what is left."""
    try:
        storm.rage(kills, pause)
        storm.wait_until_quiet(patience)
        storm.stop()
        road.mill.wait("no process of the site lives", lambda: storm.survivors() == [], 10)
        judge(road.site, storm)
        assert downloaded(road, storm) == storm.taken
    finally:
        storm.close()


def test_a_killed_supervisor_leaves_builds_that_end_and_the_next_one_waits_for_them(road: Road) -> None:
    storm = Storm(road, 0, deep=False)
    try:
        storm.start()
        road.mill.wait("a supervisor lives", lambda: "intake" in road.mill.daemons())
        upload = storm.send(Small("stormlong", architecture="all"))
        road.accept(upload)
        road.mill.wait_for("stormlong", "build/all", "active")
        storm.kill_supervisor()
        storm.start()
        road.wait_until_published(upload)
        (job,) = [one for one in road.mill.story("stormlong") if one.queue == "build/all"]
        assert [event["event"] for event in job.events].count("claimed") == 1
        road.mill.wait("all daemons of the second live", storm.is_whole)
        assert "ended with status" not in road.log.read_text()
    finally:
        storm.close()


def judge(site: Path, storm: Storm) -> None:
    assert consistency.lost_or_doubled(site, storm.taken) == []
    assert consistency.unrest(site) == []
    assert consistency.out_of_order(site) == []
    assert consistency.leftovers(site) == []
    assert consistency.archive(site) == []
    once = {f"{source}_{version}": 1 for source, version in storm.taken.items()}
    assert consistency.sources(site, SUITE) == once
    assert consistency.binaries(site, SUITE, "amd64") == once


def downloaded(road: Road, storm: Storm) -> dict[str, str]:
    """What a real apt gets from the archive: versions by package."""
    script = _DOWNLOAD.format(names=" ".join(storm.taken))
    with road.served() as url:
        said = Client(road.base("amd64"), url, SUITE, (road.site / "archive/keys/archive.gpg").read_bytes()).run(script)
    return dict(line.split()[1:] for line in said.output.splitlines() if line.startswith("got "))
