"""Paragraphs of fields, as dpkg reads them."""

from __future__ import annotations

import pytest

from queues import control


@pytest.mark.parametrize("end", ["\v", "\f", "\x1c", "\x85", "\u2028", "\r"])
def test_a_line_ends_with_a_newline_and_with_nothing_else(end: str) -> None:
    """What some readers take for the end of a line would hide a field, or make one, for others."""
    with pytest.raises(control.Malformed):
        control.paragraphs(f"A: x{end}Source: evil\n".encode())
    with pytest.raises(control.Malformed):
        control.paragraphs(f"A: x{end}{end}\nB: y\n".encode())


def test_lines_may_end_as_elsewhere() -> None:
    assert [*control.paragraph(b"A: x\r\nB: y\r\n")] == ["A", "B"]
