"""How a step says that something did not hold."""

from __future__ import annotations


class CheckFailed(AssertionError):
    """A step's check did not hold; the message says what was expected and what was found."""


def check(held: object, otherwise: str) -> None:
    """Go on when something held. Raises CheckFailed."""
    if not held:
        raise CheckFailed(otherwise)
