from __future__ import annotations

import pytest

from review.recipients import choose

REGISTERED = ("alice@example.org", "rita@example.org")


@pytest.mark.parametrize(
    ("named", "domains", "also"),
    [
        ("Linus <torvalds@linux.example>", (), ()),
        ("Rita <Rita@Example.org>", (), ("Rita@Example.org",)),
        ("Bob <bob@corp.example>", ("corp.example",), ("bob@corp.example",)),
        ("Bob <bob@evil-corp.example>", ("corp.example",), ()),
        ("Bob <bob@sub.corp.example>", ("corp.example",), ()),
        ("Bob <bob@corp.example\nBcc: all@corp.example>", ("corp.example",), ()),
        ("nonsense", ("corp.example",), ()),
        ("", (), ()),
    ],
)
def test_named_people_are_told_only_when_known(named: str, domains: tuple[str, ...], also: tuple[str, ...]) -> None:
    assert choose(("alice@example.org",), (named,), REGISTERED, domains) == ("alice@example.org", *also)


def test_nobody_is_told_twice() -> None:
    named = ("Alice <ALICE@example.org>", "alice@example.org")
    assert choose(("alice@example.org", "alice@example.org"), named, REGISTERED, ()) == ("alice@example.org",)
