"""What several modules need: a site in which every build is what the test says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import Sources, World, given_builds


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    """Source packages, as long as builds are what a test says."""
    found = Sources(tmp_path_factory.mktemp("sources"))
    with given_builds(found):
        yield found


@pytest.fixture
def world(tmp_path: Path, sources: Sources) -> Iterator[World]:
    """A site of its own for each test."""
    one = World(tmp_path / "site", sources)
    yield one
    one.close()
