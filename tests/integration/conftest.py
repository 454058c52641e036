"""What several modules need: a directory of the service account's, and a file of the host."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.account import room


@pytest.fixture
def work() -> Iterator[Path]:
    """A new directory that the service account owns, and that only it may enter."""
    with room() as path:
        yield path


@pytest.fixture
def secret() -> Iterator[Path]:
    """A file of the host that anyone may read, and no environment may see."""
    path = Path(f"/var/tmp/debmill-test-secret-{os.getpid()}")
    path.write_text("a file of the host\n")
    path.chmod(0o644)
    yield path
    path.unlink()
