"""The limits that commands of an environment begin with."""

from __future__ import annotations

import resource

import pytest

from daemons.building.environment import Limits
from daemons.building.roots import entering


@pytest.mark.parametrize(("own", "nproc"), [(resource.RLIM_INFINITY, 200), (1000, 200), (50, 50)])
def test_no_limit_is_asked_for_that_is_above_our_own(monkeypatch: pytest.MonkeyPatch, own: int, nproc: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (own, own))
    assert f"--nproc={nproc}" in entering.limited(Limits(processes=100))
