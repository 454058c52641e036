from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.intake.answers import Refused, Stored, Taken, Waiting, one_line, spoken


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        (Stored(), ""),
        (Waiting("for a_1.dsc"), "debmill: waiting for a_1.dsc\n"),
        (Taken("a 1 into review"), "debmill: taken a 1 into review\n"),
        (Refused("no"), "debmill: REFUSED no\n"),
        (Refused("no such key\r\n\nask the operator\n"), "debmill: REFUSED no such key\ndebmill:   ask the operator\n"),
        (Refused(""), "debmill: REFUSED\n"),
    ],
)
def test_an_answer_is_put_into_lines(answer, lines):
    assert spoken(answer) == lines


@given(st.text())
def test_no_control_character_reaches_a_terminal(text):
    lines = spoken(Refused(text)).split("\n")
    assert all(line.isprintable() and line.startswith("debmill: ") for line in lines[:-1])
    assert one_line(text).isprintable()


def test_a_reason_without_end_is_cut():
    assert len(spoken(Refused("x" * 1_000_000))) < 5000
