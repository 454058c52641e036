"""What debian/copyright says of files: read, matched, and compared with the published version's."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review.evidence import covering, licences
from review.evidence.tree import Node

HEAD = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
OLD = f"""{HEAD}
Files: *
Copyright: 2020 Ulla
License: GPL-2+

Files: debian/*
Copyright: 2020 Ulla
License: Expat

License: GPL-2+
 As published.

License: Expat
 Do as you like.
"""
NEW = f"""{HEAD}
Files: src/*
Copyright: 2020 Ulla
License: GPL-2+

Files: src/fast/*.c
Copyright: 2026 Otto
License: BSD-3-clause

Files: debian/*
Copyright: 2020 Ulla
License: Expat

License: GPL-2+
 As published,
 but only on Sundays.

License: Expat
 Do as
 you like.
"""


def files(*paths: str) -> dict[str, Node]:
    return {path: Node("f", 0o644, 1) for path in paths}


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "path", "is_meant"),
        [
            ("*", "a/b", True),
            ("src/*", "src/a/b.c", True),
            ("src/*", "srca", False),
            ("src", "src/a", False),
            ("*.c", "a/b.c", True),
            ("*.c", ".c", True),
            ("a*a", "a", False),
            ("a*b*c", "a1b2b3c", True),
            ("a*b*c", "a1c2b", False),
            ("*ab*ab", "ab", False),
            ("?.c", "a.c", True),
            ("?.c", "ab.c", False),
            ("a?*c", "abc", True),
            (r"\*.c", "*.c", True),
            (r"\*.c", "a.c", False),
            (r"a\?b", "a?b", True),
            (r"a\b", r"a\b", True),
            ("./a.c", "a.c", True),
            ("[a].c", "a.c", False),
            ("a.c", "abc", False),
        ],
    )
    def test_a_pattern_means(self, pattern: str, path: str, is_meant: bool) -> None:
        assert bool(covering.covered([path], [[pattern]])) is is_meant

    @given(st.text("ab*?", min_size=1, max_size=6), st.text("ab", max_size=6))
    def test_they_mean_what_trying_everything_finds(self, pattern: str, path: str) -> None:
        def tries(pattern: str, path: str) -> bool:
            if not pattern:
                return not path
            if pattern[0] == "*":
                return any(tries(pattern[1:], path[cut:]) for cut in range(len(path) + 1))
            return bool(path) and pattern[0] in ("?", path[0]) and tries(pattern[1:], path[1:])

        assert bool(covering.covered([path], [[pattern]])) is tries(pattern, path)

    def test_the_last_stanza_counts(self) -> None:
        assert covering.covered(["a", "b/c"], [["*"], ["b/*"], ["a*c"]]) == {"a": 0, "b/c": 1}

    @pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "?" * 80 + "*b", "*" * 200, "a*" * 90 + "?b"])
    def test_a_pattern_made_to_take_for_ever_does_not(self, pattern: str) -> None:
        """Each of these takes an expression that goes back longer than the world has existed."""
        assert covering.covered(["a" * 4000], [[pattern]]) in ({}, {"a" * 4000: 0})

    def test_more_patterns_than_can_be_looked_at_are_refused(self) -> None:
        paths = [f"{number}/{'a' * 200}" for number in range(2000)]

        with pytest.raises(covering.TooMuch):
            covering.covered(paths, [[f"*{'a*' * 50}{number}" for number in range(2000)]])


def test_what_changed_against_the_published_version() -> None:
    old = files("src/main.c", "src/fast/x.c", "README", "debian/rules")
    found = licences.compare(OLD, NEW, old, {**old, "empty": Node("f", 0o644, 0)}, {})

    assert found.files == {"GPL-2+": 1, "BSD-3-clause": 1, "Expat": 1}
    assert (found.added, found.dropped) == (("BSD-3-clause",), ())
    assert found.texts == ("GPL-2+",)
    assert found.uncovered == ("README",)
    assert found.changed == ("src/fast/x.c: GPL-2+ -> BSD-3-clause",)
    assert licences.compare(NEW, OLD, old, old, {}).dropped == ("BSD-3-clause",)


def test_signs_name_what_is_to_be_looked_at() -> None:
    found = licences.compare(OLD, NEW, files("src/main.c"), files("src/main.c", "README"), {})

    assert [sign.words for sign in licences.signs(found)] == [
        "new licence: BSD-3-clause",
        "another text of the licence: GPL-2+",
        "nothing is said of: README",
    ]
    assert [*licences.signs(licences.compare(OLD, OLD, files("a"), files("a"), {}))] == []


@pytest.mark.parametrize(
    ("declared", "said", "is_other"),
    [
        ("GPL-2+", "GPL-2.0-or-later", False),
        ("GPL-2", "GPL-2.0-only", False),
        ("GPL-2", "GPL-2.0 WITH Linux-syscall-note", False),
        ("Expat", "MIT", False),
        ("Expat", "(MIT OR Apache-2.0)", False),
        ("Apache-2.0", "Apache-2.0", False),
        ("Expat", "GPL-3.0-only", True),
        ("GPL-2", "GPL-2.0-or-later", True),
    ],
)
def test_a_file_that_names_another_licence_is_found(declared: str, said: str, is_other: bool) -> None:
    text = f"{HEAD}\nFiles: *\nCopyright: 2020 Ulla\nLicense: {declared}\n"
    found = licences.compare("", text, {}, files("a.c"), {"a.c": said})

    assert bool(found.contradicted) is is_other


def test_licences_that_files_name_are_read() -> None:
    said = b"new/a b.c\0SPDX-License-Identifier: MIT */\nrubbish\nnew/x\0SPDX-License-Identifier: \nnew/y\0\n"

    assert licences.named(said) == {"a b.c": "MIT"}


@pytest.mark.parametrize("text", ["", "This is free.\n", "Files: *\nLicense: X\n", f"{HEAD}\nbroken\n", HEAD, "\0\n"])
def test_what_cannot_be_read_is_said_and_compared_with_nothing(text: str) -> None:
    found = licences.compare(OLD, text, files("a"), files("a"), {})

    assert found.problem
    assert (found.dropped, found.uncovered, found.added) == ((), (), ())
    assert licences.compare(text, OLD, files("a"), files("a"), {}).added == ()


def test_lists_are_cut_and_say_so() -> None:
    found = licences.compare("", NEW, {}, files(*map(str, range(100))), {})

    assert len(found.uncovered) == licences.MOST + 1
    assert found.uncovered[-1] == "80 more"


@given(st.binary(max_size=300), st.lists(st.sampled_from(["Files: ", "License: ", HEAD, "\n", "*", " x"]), max_size=12))
def test_whatever_it_holds_it_is_read(rubbish: bytes, lines: list[str]) -> None:
    for text in itertools.accumulate([*lines, rubbish.decode(errors="replace")]):
        licences.compare(text, text, files("a"), files("a"), {})
