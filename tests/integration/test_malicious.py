"""Sources made to do harm: refused by the name of what they do, or shown without harm; the evidence daemon goes on."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from daemons.settings import Evidence
from queues import history
from queues.rooms import Room
from queues.values import Upload
from review.evidence import papers
from review.evidence.values import Evidence as Gathered
from tests.support.account import unprivileged
from tests.support.desk import Waiting, native
from tests.support.tarballs import bomb, crafted, link, member, quilted, replaced
from tests.support.tools import run

pytestmark = pytest.mark.integration


def is_refused(waiting: Waiting, one: Upload, rule: str) -> Gathered:
    """What was gathered of an upload that the sandbox refuses by the name of that rule."""
    found = waiting.gather(one)
    assert found.trouble is not None
    assert found.trouble.rule == rule
    return found


MALICIOUS = {
    "climbs-out": [member("tree/../../../../etc/climbed")],
    "climbs-out (a hard link)": [link("tree/passwd", "../../../../../etc/passwd", hard=True)],
    "climbs-out (a hard link to an absolute path)": [link("tree/passwd", "/etc/passwd", hard=True)],
    "climbs-out (through a link)": [link("tree/out", "/etc"), member("tree/out/climbed")],
    "climbs-out (through a link to where it came from)": [link("tree/out", ".."), member("tree/out/climbed")],
    "climbs-out (what is read is a link)": [link("tree/debian/copyright", "/dev/zero")],
    "too-deep": [member(f"tree/{'deep/' * 3000}x")],
    "device": [member("tree/zero", tarfile.CHRTYPE)],
    "device (a pipe)": [member("tree/pipe", tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("what", MALICIOUS)
def test_a_malicious_source_is_refused_by_name(work: Path, what: str) -> None:
    @unprivileged
    def body() -> None:
        (work / "site").mkdir()
        waiting = Waiting(work / "site")
        one = waiting.send(crafted(waiting.path, *MALICIOUS[what]), "1.0")
        found = is_refused(waiting, one, what.partition(" ")[0])
        assert found.difference is None
        assert not Path("/etc/climbed").exists()

    body()


ESCAPE = b"\x1b[2J\x1b]0;owned\x07\x9b"
HEAD, TAIL = (
    b"pkg (1.0) demo; urgency=low\n\n  * ",
    b"\n\n -- Ulla <ulla@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n",
)
ODD: dict[str, dict[str, bytes]] = {
    "escapes in every text": {
        "debian/changelog": HEAD + ESCAPE + TAIL,
        "debian/control": b"Source: pkg"
        + ESCAPE
        + b"\nRules-Requires-Root: "
        + ESCAPE
        + b"\n\nPackage: x"
        + ESCAPE
        + b"\n",
        "debian/copyright": b"Format: 1.0\n\nFiles: src/*\nLicense: " + ESCAPE + b"\n",
        "debian/rules": b"#!/usr/bin/make -f\nbuild:\n\tcurl -O " + ESCAPE + b"\n",
        "src/x.c": b"/* SPDX-License-Identifier: " + ESCAPE + b" */\n",
    },
    "escapes in names": {
        "debian/\x1b[2J.postinst": b"x\n",
        "src/\x1b]0;owned\x07.c": b"x\n",
        "-rf": b"x\n",
        "a\nb": b"x\n",
    },
    "NULs": {
        "debian/changelog": HEAD + b"\0\0" + TAIL,
        "debian/control": b"\0Source: pkg\0\n",
        "debian/copyright": b"\0",
    },
    "one line of 20 MB": {"debian/changelog": HEAD + b"x" * 20_000_000 + TAIL, "src/line": b"y" * 20_000_000},
    "debian/control of 20 MB": {"debian/control": b"Source: pkg\nX-Much: " + b"much " * 4_000_000 + b"\n"},
    "patterns that go back for ever": {
        "debian/copyright": b"Format: 1.0\n\nFiles: "
        + b" ".join(b"*a" * 40 + b"%d" % n for n in range(2000))
        + b"\nLicense: X\n",
        **{"a" * 200 + str(number): b"x\n" for number in range(500)},
    },
    "no packaging at all": {"debian/changelog": b"", "debian/control": b"", "debian/rules": b""},
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_source_is_shown_and_harms_nobody(work: Path, what: str) -> None:
    @unprivileged
    def body() -> None:
        (work / "site").mkdir()
        waiting = Waiting(work / "site")
        waiting.site.people.add_reviewer("rita", "rita@example.org")
        one = waiting.send(crafted(waiting.path, texts=ODD[what]), "1.0")

        assert waiting.gather(one).trouble is None
        for words in (["show", "pkg"], ["diff", "pkg", "--all"], ["diff", "pkg", "--stat"], ["list"]):
            said = waiting.say("review", *words)
            assert {letter for letter in said if not letter.isprintable()} <= {"\n"}, words
        assert (waiting.entry(one) / papers.DIRECTORY / papers.FACTS).stat().st_size < 1 << 20

    body()


@unprivileged
def test_a_file_of_holes_is_looked_into_by_what_it_takes(work: Path) -> None:
    """4 GiB, of which tar writes nothing."""
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    dsc = native(waiting.path, "1.0", {})
    with (waiting.path / "holes").open("wb") as file:
        file.truncate(4 << 30)
    tarball = dsc.with_name("pkg_1.0.tar.xz")
    add = f"xz -dc '{tarball}' >bad.tar; tar --sparse --transform=s,^,tree/, -rf bad.tar holes; xz -0 bad.tar"
    run(["sh", "-ec", add], cwd=waiting.path)

    is_refused(waiting, waiting.send(replaced(dsc, tarball, waiting.path / "bad.tar.xz"), "1.0"), "too-large")


@unprivileged
def test_a_bomb_is_refused_before_it_fills_anything(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(disk=64 << 20, depends=False, lintian=False))
    one = waiting.send(bomb(waiting.path), "1.0")

    is_refused(waiting, one, "too-large")


@unprivileged
def test_more_files_than_are_looked_into_are_refused(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(files=100, depends=False, lintian=False))
    one = waiting.send(native(waiting.path, "1.0", {f"many/{number}": "" for number in range(100)}), "1.0")

    is_refused(waiting, one, "too-many-files")


@unprivileged
def test_more_files_than_there_is_room_for_are_refused(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(disk=64 << 20, depends=False, lintian=False))  # 16384 files
    empty = [member(f"tree/many/{number}") for number in range(20_000)]
    one = waiting.send(crafted(waiting.path, *empty), "1.0")

    is_refused(waiting, one, "too-many-files")


@unprivileged
def test_a_patch_that_climbs_out_is_refused(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    patch = "--- a/../../../etc/climbed\n+++ b/../../../etc/climbed\n@@ -0,0 +1 @@\n+climbed\n"
    one = waiting.send(quilted(waiting.path, patch), "1.0-1")

    found = waiting.gather(one)

    assert found.trouble is not None
    assert found.trouble.rule in ("climbs-out", "patch"), found.trouble


@unprivileged
def test_what_cannot_be_unpacked_is_rejected_by_its_rule(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    one = waiting.send(crafted(waiting.path, *MALICIOUS["device"]), "1.0")
    waiting.look()

    found = waiting.site.spool.review.find(one.key)
    assert found is not None
    assert found[0] is Room.REJECTED
    rejected = history.read(waiting.site.spool.review.where(*found))[-1]
    assert (rejected.facts["by"], len(rejected.facts["evidence"])) == ("rule:unpacks", 64)
    assert "Cannot mknod" in rejected.facts["reason"]
