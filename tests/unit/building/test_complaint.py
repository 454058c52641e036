"""The one line of a log that people see first."""

from __future__ import annotations

import pytest

from daemons.building.complaint import first


@pytest.mark.parametrize(
    "line",
    [
        "hello.c:3:5: error: expected ';' before '}' token",
        "configure: error: no acceptable C compiler found in $PATH",
        "dh_install: error: missing files, aborting",
        "make[1]: *** [Makefile:3: all] Error 2",
        "dpkg-source: error: can't build with source format",
        "/usr/bin/ld: x.o: undefined reference to `main'",
        "ModuleNotFoundError: No module named 'x'",
        "/bin/sh: 1: nosuch: not found",
        "FAIL: test_it (x.y)",
    ],
)
def test_an_error_is_found_among_other_lines(line: str) -> None:
    log = ["gcc -Werror -c error.c", "checking for error_at_line... yes", line, "make: *** [all] Error 2", "the end"]
    assert first(text.encode() + b"\n" for text in log) == line


def test_without_an_error_the_last_words_are_given() -> None:
    assert first([b"one\n", b"two\n", b"\n"]) == "two"
    assert first([]) == ""


def test_a_terminal_is_safe() -> None:
    assert first([b"error: \x1b[2Jgone\x07 \xff\n"]) == "error:  [2Jgone  \ufffd"
    assert len(first([b"error: " + b"x" * 100_000])) <= 300
