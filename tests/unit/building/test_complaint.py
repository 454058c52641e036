"""The one line of a log that people see first."""

from __future__ import annotations

import pytest

from daemons.building.builds.complaint import first, killed


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


@pytest.mark.parametrize(
    "line",
    [
        "make[2]: *** [Makefile:3: x.o] Killed",
        "make: *** [debian/rules:12: binary-arch] Error 137",
        "dpkg-buildpackage: error: debian/rules binary-arch subprocess was killed by signal 9",
        "dpkg-deb: error: <compress> from tar -cf subprocess was killed by signal (Killed)",
        "dpkg-buildpackage: error: fakeroot debian/rules binary-arch subprocess returned exit status 137",
        "dh_auto_build: error: make -j4 died with signal 9",
        "x86_64-linux-gnu-g++-12: fatal error: Killed signal terminated program cc1plus",
        "collect2: fatal error: ld terminated with signal 9 [Killed]",
        "  process didn't exit successfully: `rustc --crate-name x` (signal: 9, SIGKILL: kill)",
        "go build x: /usr/lib/go-1.19/pkg/tool/linux_amd64/compile: signal: killed",
    ],
)
def test_a_tool_says_that_another_was_killed(line: str) -> None:
    log = ["gcc -c x.c", line, "make[1]: *** [Makefile:3: x.o] Error 1", "make: *** [debian/rules:4: binary] Error 2"]
    assert killed(text.encode() + b"\n" for text in log) == line.strip()


@pytest.mark.parametrize(
    "line",
    [
        "Killed",  # any test may say so of what it started
        "make[1]: [Makefile:3: clean] Killed (ignored)",
        "make: *** [debian/rules:12: binary-arch] Error 2",
        "make: *** [debian/rules:12: binary-arch] Segmentation fault",
        "dpkg-buildpackage: error: debian/rules binary-arch subprocess was killed by signal 11",
        "PASS: a server whose process was killed by signal 9 starts again",
    ],
)
def test_other_words_are_no_report_of_a_kill(line: str) -> None:
    assert killed([line.encode() + b"\n"]) == ""
