"""A site in one process, for tests of the screens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import Sources, World, given_builds


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    found = Sources(tmp_path_factory.mktemp("sources"))
    with given_builds(found):
        yield found


@pytest.fixture
def world(tmp_path: Path, sources: Sources) -> Iterator[World]:
    one = World(tmp_path / "site", sources)
    yield one
    one.close()
