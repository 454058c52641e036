from __future__ import annotations

import pytest

from queues.values import Suite
from review.inspection.changes import Changes
from review.inspection.versions import Known, Pending, check
from review.refusal import Refusal

SUITE = Suite("demo")


def upload(version: str) -> Changes:
    return Changes("tiny.changes", "tiny", version, "demo", "main", "A <a@example.org>", "", "text", ())


@pytest.mark.parametrize(
    "known",
    [
        Known(),
        Known(in_suite="1.0-1"),
        Known(in_suite="1.0-2~rc1"),
        Known(others=("3.0-1",), pending=(Pending("3.0-2", "other", "review/ready"),)),
    ],
)
def test_a_higher_version_may_come(known: Known) -> None:
    check(upload("1.0-2"), SUITE, known)


@pytest.mark.parametrize(
    ("version", "known", "rule", "words"),
    [
        ("1.0-2", Known(taken="review/rejected"), "replay", "-f"),
        ("1.0-2", Known(in_suite="1.0-10"), "version", "not higher than 1.0-10"),
        ("1.0-2", Known(in_suite="1:0.1-1"), "version", "not higher than 1:0.1-1"),
        ("1.0-2~rc1", Known(in_suite="1.0-2"), "version", "not higher"),
        ("1.0-2", Known(pending=(Pending("1.0-3", "demo", "master/waiting"),)), "version", "master/waiting"),
        ("1.0-2", Known(pending=(Pending("1.0-3", "", "review/corrupt"),)), "version", "review/corrupt"),
        ("1.0-2", Known(pending=(Pending("1.0-2", "other", "archive/hold"),)), "pending", "archive/hold"),
        ("1.0-2", Known(in_suite="1.0-2", published=True), "published", "published in demo"),
        ("1.0-2", Known(published=True), "published", "~demo1"),
        ("2:1.0-2", Known(others=("1:1.0-2",), published=True), "epoch", "share their file names"),
        ("1.0-2", Known(pending=(Pending("1:1.0-2", "demo", "review/ready"),)), "epoch", "1:1.0-2"),
    ],
)
def test_the_refusal_names_what_stands_against_it(version: str, known: Known, rule: str, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        check(upload(version), SUITE, known)
    assert caught.value.rule == rule
    assert words in str(caught.value)
