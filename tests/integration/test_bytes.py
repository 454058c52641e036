"""The two ways to build make the same bytes of the same source; tests/bench/peers.py compares many more."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from daemons.building.builds import ways
from daemons.building.builds.build import Settings
from daemons.building.layers.installing import Layered
from daemons.command.build import _job
from queues.clock import utc
from queues.values import BuildResult, Builds
from tests.support import tiny
from tests.support.account import unprivileged
from tests.support.bases import base_of, layers
from tests.support.peer import digests
from tests.support.sources import DebianSources

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("name", "architecture"), [("hostname", "amd64"), ("ucf", "all")])
@unprivileged
def test_a_package_of_debian_has_the_same_bytes_by_either_way(work: Path, name: str, architecture: str) -> None:
    (work / "debian").mkdir()
    dsc = DebianSources(work / "debian").fetch(name)
    if dsc is None:  # the mirror does not hold it whole
        rules = {"debian/rules": "#!/usr/bin/make -f\n%:\n\tdh $@\n"}
        dsc = tiny.source(work, fields="Build-Depends: debhelper-compat (= 13)", files=rules)
    made = {way: debs(way, dsc, architecture, work / way) for way in get_args(Builds)}
    assert made["overlay"]
    assert made["overlay"] == made["sbuild"]


def debs(way: Builds, dsc: Path, architecture: str, out: Path) -> dict[str, str]:
    out.mkdir()
    build = ways.way(way, Layered(base_of("amd64"), [], utc, cache=layers()))
    result = build(_job(dsc, "bookworm", architecture), dsc.parent, out, utc, Settings())
    assert isinstance(result, BuildResult), result
    assert result.verdict == "built", result.reason
    return digests(out)
