"""Who decides: named, known by sudo, or the user; and nobody in another's name on a shared host."""

from __future__ import annotations

import pytest

from daemons.command.review.deciding import decider
from review.desk import NotAllowed

BOTH = ["otto", "rita"]


@pytest.mark.parametrize(
    ("given", "variables", "who"),
    [
        (None, {"SUDO_USER": "rita", "USER": "debmill"}, "rita"),
        ("rita", {"SUDO_USER": "rita", "USER": "debmill"}, "rita"),
        ("otto", {"SUDO_USER": "admin", "USER": "root"}, "otto"),
        (None, {"SUDO_USER": "rita", "USER": "root"}, "rita"),
        (None, {"USER": "rita"}, "rita"),
        ("otto", {"USER": "rita"}, "otto"),
        ("somebody", {}, "somebody"),  # whom the desk does not know
    ],
)
def test_who_decides(given: str | None, variables: dict[str, str], who: str) -> None:
    is_root = variables.get("USER") == "root"  # an administrator
    assert decider(given, variables, "debmill", BOTH, is_root=is_root) == who


def test_who_came_through_sudo_is_nobody_else() -> None:
    with pytest.raises(NotAllowed, match="you are rita"):
        decider("otto", {"SUDO_USER": "rita", "USER": "debmill"}, "debmill", BOTH, is_root=False)


def test_who_is_no_reviewer_is_told_who_is() -> None:
    with pytest.raises(NotAllowed, match="registered: otto, rita"):
        decider(None, {"USER": "ulla"}, "debmill", BOTH, is_root=False)
