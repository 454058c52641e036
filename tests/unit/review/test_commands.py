"""Whose upload it is, and which files a pattern means; the files themselves are read in tests/integration."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from review.commands import chosen, may_order
from review.person import Uploader
from tests.support.entries import upload

ULLA = Uploader("ulla", "ulla@example.org", ("pkg*",), ("demo",), (), ())


@pytest.mark.parametrize(
    ("who", "theirs"),
    [
        (ULLA, True),
        (replace(ULLA, name="otto"), False),
        (replace(ULLA, packages=("other",)), False),
        (replace(ULLA, suites=("stable",)), False),
    ],
    ids=["who carried it", "nobody", "no right to the package", "no right to the suite"],
)
def test_an_upload_is_theirs_while_they_might_upload_it(who: Uploader, theirs: bool) -> None:
    assert may_order(who, upload("pkg", "1.0")) == theirs


def test_names_and_wildcards_mean_files() -> None:
    files = ["a_1.dsc", "a_1.tar.xz", "A_1.dsc"]
    assert chosen(["a_1.*", "A_1.dsc", "b*"], files) == {
        "a_1.*": ["a_1.dsc", "a_1.tar.xz"],
        "A_1.dsc": ["A_1.dsc"],
        "b*": [],
    }
