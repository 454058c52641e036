"""The parsers of evidence: what tools wrote in the sandbox becomes values, whatever stands in the files of a source."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queues import envelope
from review.evidence import changelog, diffs, kinds, lintian, packages, pages, papers, tree, trust, unfit
from review.evidence.comparing import Compared, Comparison
from review.evidence.pages import Reader
from review.evidence.values import Tag


def compared(into: Path, old: dict[str, bytes], new: dict[str, bytes]) -> tuple[Compared, Reader]:
    """Let the real diff(1) compare two trees, and read what it wrote."""
    for name, files in (("old", old), ("new", new)):
        (into / name).mkdir()
        for path, content in files.items():
            (into / name / path).parent.mkdir(parents=True, exist_ok=True)
            (into / name / path).write_bytes(content)
    said = subprocess.run(
        ["diff", "-ruN", "--no-dereference", "old", "new"], cwd=into, capture_output=True, check=False
    )
    nodes = [{path: tree.Node("f", 0o644, len(text)) for path, text in files.items()} for files in (old, new)]
    with (into / pages.TEXT).open("wb") as packed:
        found = Comparison(nodes[0], nodes[1], ["elf"], packed).read(diffs.lines(io.BytesIO(said.stdout)), whole=True)
    (into / pages.INDEX).write_bytes(envelope.encode(found.index))
    return found, Reader(into)


def test_a_diff_is_cut_into_its_files(tmp_path: Path) -> None:
    found, reader = compared(
        tmp_path,
        {"a": b"1\n2\n", "gone": b"x\n", "b.png": b"\0one"},
        {"a": b"1\n3\n", "debian/rules": b"#!/usr/bin/make -f\n", "b.png": b"\0two", "elf": b"\x7fELF\0"},
    )
    seen = {one.path: (one.change, one.kind, one.added, one.removed) for one in found.index.sections}

    assert seen == {
        "a": ("changed", "upstream", 1, 1),
        "b.png": ("changed", "binary", 0, 0),
        "debian/rules": ("added", "packaging", 1, 0),
        "elf": ("added", "binary", 0, 0),
        "gone": ("removed", "upstream", 0, 1),
    }
    section = reader.section("a")
    assert section is not None
    assert reader.lines(section.first, section.lines)[3:] == [b"@@ -1,2 +1,2 @@", b" 1", b"-2", b"+3"]
    assert {(sign.kind, sign.path) for sign in found.signs} == {("rules", "debian/rules"), ("program", "elf")}


def test_what_looks_like_a_header_in_a_file_is_none(tmp_path: Path) -> None:
    found, _ = compared(
        tmp_path,
        {"a": b"-- old/evil\n@@ -1 +1 @@\nBinary files old/x and new/x differ\nsame\n"},
        {"a": b"++ new/evil\ndiff -ruN old/b new/b\n--- old/b\nsame\n"},
    )

    assert [(one.path, one.added, one.removed) for one in found.index.sections] == [("a", 3, 3)]


@pytest.mark.parametrize("name", ["two words", "tab\there", 'a "quoted" one', "ünïcode", "and new"])
def test_odd_names_are_read_as_they_are(tmp_path: Path, name: str) -> None:
    found, _ = compared(tmp_path, {name: b"1\n"}, {name: b"2\n"})
    (tmp_path / "binary").mkdir()
    other, _ = compared(tmp_path / "binary", {name: b"\0"}, {name: b"\0\0"})

    assert [one.path for one in (*found.index.sections, *other.index.sections)] == [name, name]
    assert found.index.sections[0].change == "changed"


def test_what_differs_without_a_line_is_not_hidden(tmp_path: Path) -> None:
    odd = "a\nb.bin"
    found, _ = compared(tmp_path, {"was-empty": b""}, {"debian/pkg.postinst": b"", odd: b"\0"})

    assert {(one.path, one.change) for one in found.index.sections} == {
        ("was-empty", "removed"),
        ("debian/pkg.postinst", "added"),
        (odd, "added"),
    }
    assert {(sign.kind, sign.path) for sign in found.signs} == {
        ("maintainer-script", "debian/pkg.postinst"),
        ("odd-name", odd),
    }


def test_a_line_without_end_takes_no_memory() -> None:
    file = io.BytesIO(b"+" + b"x" * (5 << 20) + b"\nnext\n")

    first, second = diffs.lines(file)
    assert len(first) < diffs.LONGEST + 100
    assert first.endswith(b"bytes more]")
    assert second == b"next"


@given(st.lists(st.binary(max_size=2000).map(lambda line: line.replace(b"\n", b"")), max_size=1500), st.data())
def test_pages_give_back_any_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], data: st.DataObject
) -> None:
    into = tmp_path_factory.mktemp("pages")
    with (into / pages.TEXT).open("wb") as file:
        writer = pages.Writer(file)
        numbers = [writer.write(line) for line in lines]
        writer.flush()
    (into / pages.INDEX).write_bytes(envelope.encode(pages.Index(writer.lines, True, tuple(writer.pages), ())))
    first, count = data.draw(st.integers(0, len(lines) + 5)), data.draw(st.integers(0, 1200))

    assert numbers == [*range(len(lines))]
    assert Reader(into).lines(first, count) == lines[first : first + count]
    with (into / pages.TEXT).open("rb") as file:
        packed = subprocess.run(["zcat"], stdin=file, capture_output=True, check=bool(lines))
    assert packed.stdout == b"".join(line + b"\n" for line in lines)


def test_what_would_steer_a_terminal_is_made_visible() -> None:
    assert papers.text_of([b"a\x1b[2Jb\tc\xff"]) == ["a<U+001B>[2Jb  c\ufffd"]
    assert papers.text_of(["\u202eabc".encode()]) == ["<U+202E>abc"]


def test_a_listing_is_read_with_whatever_is_in_names() -> None:
    listing = b"d 755 4096 \0\0f 4755 12 debian/a b\nc\0\0l 777 3 link\0a b\0d 755 40 dir\0\0rubbish\0"

    assert tree.read(listing) == {"debian/a b\nc": tree.Node("f", 0o4755, 12), "link": tree.Node("l", 0o777, 3, "a b")}


@pytest.mark.parametrize(
    ("target", "is_out"),
    [("x", False), ("../x", False), ("../../x", True), ("../..", True), ("/etc/passwd", True), ("../a/../../..", True)],
)
def test_a_link_that_leads_out_is_known(target: str, is_out: bool) -> None:
    assert tree.leads_out("debian/link", target) is is_out


CHANGELOG = """\
pkg (2:1.2-1) unstable; urgency=high

  * Third.

 -- Ulla <ulla@example.org>  Thu, 01 Jan 2026 00:00:00 +0000

pkg (1.1-1) unstable experimental; urgency=low

  * Second.

 -- Ulla <ulla@example.org>  Thu, 01 Jan 2026 00:00:00 +0000

pkg (1.0-1) unstable; urgency=low

  * First.
"""


def test_the_changelog_above_a_version() -> None:
    entries = changelog.read(CHANGELOG)

    assert [(one.version, one.distribution) for one in entries] == [
        ("2:1.2-1", "unstable"),
        ("1.1-1", "unstable experimental"),
        ("1.0-1", "unstable"),
    ]
    above = changelog.above(entries, "1.0-1")
    assert "Third" in above
    assert "Second" in above
    assert "First" not in above
    assert "Second" not in changelog.above(entries, "")


@pytest.mark.parametrize("text", ["", "no changelog at all\n", "pkg (not a version!) x; y\n\n  * a\n"])
def test_a_changelog_that_is_none_gives_what_there_is(text: str) -> None:
    changelog.above(changelog.read(text), "1.0")


def test_packages_and_needs_are_compared() -> None:
    old = {
        "Package-List": "\n a deb misc optional arch=any\n b deb misc optional arch=all",
        "Build-Depends": "x, y (>= 1)",
    }
    new = {
        "Package-List": "\n a deb net important arch=any\n c deb misc optional arch=all\n bad",
        "Build-Depends": "y (>= 2),\n x",
        "Build-Conflicts": "z",
    }
    before, after = packages.binaries(old), packages.binaries(new)

    assert packages.added(before, after) == ("c",)
    assert packages.added(after, before) == ("b",)
    assert packages.moved(before, after) == ("a: misc -> net", "a: optional -> important")
    assert packages.without(packages.depends(new), packages.depends(old)) == ("y (>= 2)", "conflicts with z")
    assert packages.without(packages.depends(old), packages.depends(new)) == ("y (>= 1)",)


def test_tags_of_lintian_new_ones_first() -> None:
    before = "W: pkg source: old-tag [debian/rules:3]\n"
    said = (
        "N: lintian\nW: pkg source: old-tag [debian/rules:9]\nI: pkg source: other\nE: pkg source: bad a b\nrubbish\n"
    )

    assert lintian.read(said, before) == (
        Tag("E", "bad", "a b", new=True),
        Tag("I", "other", "", new=True),
        Tag("W", "old-tag", "[debian/rules:9]", new=False),
    )


@pytest.mark.parametrize(
    ("path", "binary", "kind"),
    [
        ("debian/control", False, "packaging"),
        ("debian/logo.png", True, "packaging"),
        ("src/a.c", False, "upstream"),
        ("src/debian/a.c", False, "upstream"),
        ("configure", False, "generated"),
        ("po/de.po", False, "generated"),
        ("icon.png", True, "binary"),
    ],
)
def test_a_file_is_of_a_kind_by_its_name(path: str, binary: bool, kind: str) -> None:
    assert kinds.kind(path, binary=binary) == kind


@pytest.mark.parametrize(
    ("path", "sign"),
    [
        ("debian/pkg.postinst", "maintainer-script"),
        ("debian/rules", "rules"),
        ("debian/pkg.service", "unit"),
        ("debian/pkg.tmpfiles", "unit"),
        ("debian/pkg.init", "unit"),
        ("systemd/pkg.service.in", "unit"),
        ("contrib/cron.d/pkg", "cron"),
        ("debian/pkg.cron.d", "cron"),
        ("debian/pkg.udev", "udev"),
        ("debian/pkg.alternatives", "alternatives"),
        ("debian/patches/fix.patch", "patch"),
        ("debian/copyright", "licence"),
        ("COPYING", "licence"),
        ("debian/upstream/signing-key.asc", "upstream-key"),
        ("lib/x.so.1", "program"),
        ("data.tar.gz", "archive"),
        ("vendor/x/a.go", "vendored"),
        ("debian/patches/series", ""),
        ("src/a.c", ""),
    ],
)
def test_a_new_file_is_a_sign_by_its_name(path: str, sign: str) -> None:
    found = trust.of_file(path, "added")

    assert (found.kind if found else "") == sign


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ("chmod 4755 debian/pkg/usr/bin/x", "setuid"),
        ("chmod u+s x", "setuid"),
        ("install -m 2755 a b", "setuid"),
        ("setcap cap_net_raw+ep x", "setuid"),
        ("dpkg-divert --add /bin/sh", "diversion"),
        ("update-alternatives --install a b c 1", "alternatives"),
        ("cp x /etc/cron.d/y", "cron"),
        ("adduser --system x", "user"),
        ("systemctl enable x", "unit"),
        ("curl -O https://example.org", "network"),
        ("git clone https://example.org/x", "network"),
        ("pip install x", "network"),
        ("cat </dev/tcp/1.2.3.4/80", "network"),
        ("chmod 755 x", ""),
        ("install -m 0644 a b", ""),
        ("echo curly", ""),
        ('subprocess.run(["curl", url])', "network"),
        ("cd x && wget $(URL)", "network"),
        ("# see https://curl.se/ for curl -O", ""),
        ("dh_auto_configure -- --with-curl", ""),
    ],
)
def test_an_added_line_is_a_sign_by_what_it_does(line: str, sign: str) -> None:
    found = [one.kind for one in trust.of_line("debian/rules", f"+\t{line}".encode(), 7, runs=True)]

    assert found == ([sign] if sign else [])


def test_a_flood_of_one_kind_of_sign_hides_no_other(tmp_path: Path) -> None:
    many = {f"debian/a{number}.cron.d": b"x\n" for number in range(100)}
    found, _ = compared(tmp_path, {}, {**many, "setup.py": b"chmod 4755 x\n", "elf": b"\x7fELF\0"})

    kinds_of = [sign.kind for sign in found.signs]
    assert kinds_of.count("cron") == trust.MOST + 1
    assert {"setuid", "program"} <= {*kinds_of}
    assert "60 more, which are not shown" in {sign.words for sign in found.signs}


def test_what_does_not_run_is_no_sign() -> None:
    assert not trust.builds("src/main.c")
    assert not trust.builds("debian/changelog")
    assert not trust.builds("debian/control")
    assert not trust.builds("debian/README.source")
    assert trust.builds("debian/README-run.sh")
    assert trust.builds("debian/upstream/run")
    assert trust.builds("debian/pkg.install")
    assert trust.builds("tests/Makefile.am")
    assert [one.kind for one in trust.of_line("a.c", b"+ * Licensed under the X", 1, runs=False)] == ["licence"]


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("tar: ../x: Member name contains '..'\ntar: Exiting with failure status", "climbs-out"),
        ("tar: a/null: Cannot mknod: Operation not permitted", "device"),
        ("dpkg-source: error: diff 'x.patch' patches files multiple times", "patch"),
        (
            "dpkg-source: info: applying x\npatching file a\nHunk #1 FAILED\ndpkg-source: error: patch -t failed",
            "patch",
        ),
        ("tar: x: Cannot open: No space left on device", "too-many-files"),
        ("tar: x: Cannot write: No space left on device", "too-large"),
        ("dpkg-source: error: something else", "unpack"),
        ("", "unpack"),
    ],
)
def test_why_a_source_cannot_be_unpacked_has_a_name(said: str, rule: str) -> None:
    assert unfit.explain(said).rule == rule
