"""What the evidence daemon finds in real sources, in a real sandbox."""

from __future__ import annotations

import hashlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from daemons.building import resolving
from daemons.building.installing import Needs
from daemons.evidence import linting
from daemons.evidence.gatherer import EvidenceDaemon
from daemons.settings import Evidence
from daemons.sites import Site
from queues import history
from queues.clock import utc
from queues.rooms import Room
from queues.values import Upload
from review.evidence import papers
from review.evidence.values import Evidence as Gathered
from tests.support.account import unprivileged
from tests.support.desk import Waiting, native
from tests.support.tools import run
from tests.support.world import REVIEWER

pytestmark = pytest.mark.integration

OLD = {"src/main.c": "int main(void)\n{\n return 0;\n}\n", "gone.txt": "gone\n", "debian/pkg.cron.daily": "#!/bin/sh\n"}
NEW = {
    "src/main.c": "int main(void)\n{\n return 1;\n}\n",
    "new.txt": "new\n",
    "debian/pkg.postinst": "#!/bin/sh\nupdate-alternatives --install a b c 1\nchmod 4755 /usr/bin/x\n",
    "debian/rules": "#!/usr/bin/make -f\nbuild:\n\tcurl http://somewhere\n",
    "debian/pkg.cron.daily": "#!/bin/sh\n",
    "blob.bin": "\x00\x7fELF\x00",
}


def is_refused(waiting: Waiting, one: Upload, rule: str) -> Gathered:
    """What was gathered of an upload that the sandbox refuses by the name of that rule."""
    found = waiting.gather(one)
    assert found.trouble is not None
    assert found.trouble.rule == rule
    return found


@unprivileged
def test_an_update_is_compared_with_what_the_suite_holds(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    waiting.publish(native(waiting.path, "1.0", OLD))
    one = waiting.send(native(waiting.path, "1.1", NEW), "1.1")

    found = waiting.gather(one)

    assert (found.trouble, found.what.published, found.what.closes) == (None, "1.0", ("12", "34"))
    assert found.difference is not None
    assert found.difference.files == {"added": 3, "removed": 1, "changed": 3}
    signs = {(sign.kind, sign.path) for sign in found.signs}
    assert {
        ("maintainer-script", "debian/pkg.postinst"),
        ("alternatives", "debian/pkg.postinst"),
        ("setuid", "debian/pkg.postinst"),
        ("rules", "debian/rules"),
        ("network", "debian/rules"),
        ("program", "blob.bin"),
    } <= signs
    assert not any(kind == "cron" for kind, _ in signs)
    diff = papers.difference(waiting.entry(one))
    assert diff is not None
    section = diff.section("src/main.c")
    assert section is not None
    lines = diff.lines(section.first, section.lines)
    assert lines[-5:] == [b" int main(void)", b" {", b"- return 0;", b"+ return 1;", b" }"]
    assert diff.index.sections[0].path.startswith("debian/")


@unprivileged
def test_evidence_is_gathered_again_only_when_the_suite_holds_another_version(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    one = waiting.send(native(waiting.path, "1.1", NEW), "1.1")
    first = waiting.gather(one)
    assert first.what.published == ""
    assert waiting.gather(one) == first

    waiting.publish(native(waiting.path, "1.0", OLD))

    assert waiting.gather(one).what.published == "1.0"


def crafted(into: Path, *members: tarfile.TarInfo, version: str = "1.0", texts: dict[str, bytes] | None = None) -> Path:
    """Write a native source whose tarball has more members, empty ones, and these texts instead of its own."""
    dsc = native(into, version, {})
    tarball, written = dsc.with_name(f"pkg_{version}.tar.xz"), texts or {}
    with tarfile.open(tarball) as old, tarfile.open(into / "bad.tar.xz", "w:xz", preset=0) as new:
        for one in old.getmembers():
            if one.name.partition("/")[2] not in written:
                new.addfile(one, old.extractfile(one) if one.isreg() else None)
        for one in members:
            new.addfile(one)
        for name, text in written.items():
            new.addfile(member(f"tree/{name}", size=len(text)), io.BytesIO(text))
    return replaced(dsc, tarball, into / "bad.tar.xz")


def replaced(dsc: Path, tarball: Path, by: Path) -> Path:
    """Put another tarball into a source, and its sums into the .dsc."""
    old, new = tarball.read_bytes(), by.read_bytes()
    text = dsc.read_text()
    for kind in ("md5", "sha1", "sha256"):
        text = text.replace(hashlib.new(kind, old).hexdigest(), hashlib.new(kind, new).hexdigest())
    dsc.write_text(text.replace(f" {len(old)} ", f" {len(new)} "))
    tarball.write_bytes(new)
    by.unlink()
    return dsc


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size, found.mode = kind, target, size, 0o644
    return found


def link(name: str, target: str, *, hard: bool = False) -> tarfile.TarInfo:
    return member(name, tarfile.LNKTYPE if hard else tarfile.SYMTYPE, target)


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
def test_links_are_shown_with_where_they_lead(work: Path) -> None:
    """A link that only one version has is no trouble, though diff(1) says that there is no such file."""
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    waiting.publish(native(waiting.path, "1.0", OLD))
    links = [member("tree/near", tarfile.SYMTYPE, "src"), member("tree/far", tarfile.SYMTYPE, "../../etc/passwd")]
    dsc = crafted(waiting.path / "new", *links, version="1.1")

    found = waiting.gather(waiting.send(dsc, "1.1"))

    assert found.difference is not None
    assert found.difference.whole
    assert [(sign.path, sign.words) for sign in found.signs if sign.kind == "link"] == [
        ("far", "leads out of the source, to ../../etc/passwd")
    ]
    assert "+near -> src\n" in waiting.say("review", "diff", "pkg")


def bomb(into: Path) -> Path:
    """Write a source whose tarball unpacks to ten times more than it may."""
    dsc, size = native(into, "1.0", {}), 640 << 20
    tarball = dsc.with_name("pkg_1.0.tar.xz")
    head = member("pkg-1.0/zeros", size=size).tobuf()
    with (into / "bomb.tar.xz").open("wb") as file:
        feed = f"import os\nos.write(1, {head!r})\nfor _ in range({size >> 16}): os.write(1, bytes(1 << 16))"
        maker = subprocess.Popen([sys.executable, "-c", feed], stdout=subprocess.PIPE)
        subprocess.run(["xz", "-0", "-T2", "-c"], stdin=maker.stdout, stdout=file, check=True)
        assert maker.wait() == 0
    return replaced(dsc, tarball, into / "bomb.tar.xz")


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


def quilted(into: Path, patch: str) -> Path:
    """Write a source of format 3.0 (quilt) with a patch that dpkg-source did not see."""
    dsc = native(into, "1.0-1", {"debian/source/format": "3.0 (quilt)\n"}, upstream=True)
    tarball = dsc.with_name("pkg_1.0-1.debian.tar.xz")
    with tarfile.open(tarball) as old, tarfile.open(into / "bad.tar.xz", "w:xz") as new:
        for one in old.getmembers():
            new.addfile(one, old.extractfile(one) if one.isreg() else None)
        for name, text in {"series": "bad.patch\n", "bad.patch": patch}.items():
            new.addfile(member(f"debian/patches/{name}", size=len(text)), io.BytesIO(text.encode()))
    return replaced(dsc, tarball, into / "bad.tar.xz")


@unprivileged
def test_a_patch_is_shown_once_and_what_hides_among_its_copies_is_shown(work: Path) -> None:
    """dpkg-source keeps what patches change in .pc; a patch may put more there, for debian/rules to run."""
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    change = "--- a/upstream\n+++ b/upstream\n@@ -1 +1 @@\n-upstream\n+patched\n"
    payload = "--- /dev/null\n+++ b/.pc/other/payload.sh\n@@ -0,0 +1 @@\n+run\n"
    one = waiting.send(quilted(waiting.path, change + payload), "1.0-1")

    waiting.gather(one)

    diff = papers.difference(waiting.entry(one))
    assert diff is not None
    paths = [section.path for section in diff.index.sections if not section.path.startswith("debian/")]
    assert sorted(paths) == [".pc/other/payload.sh", "upstream"]


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


@unprivileged
def test_commands_show_what_was_found(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    waiting.publish(native(waiting.path, "1.0", OLD))
    one = waiting.send(native(waiting.path, "1.1", {**NEW, "configure": "generated\n"}), "1.1")
    waiting.site.people.add_reviewer("rita", "rita@example.org")

    assert "was not looked into yet" in waiting.say("review", "show", "pkg")
    assert waiting.say("review", "diff", "pkg").startswith("debmill: pkg_1.1 was not looked into yet")
    waiting.look()

    shown = json.loads(waiting.say("review", "show", "pkg", "--json"))
    assert (shown["mark"], shown["evidence"]["what"]["published"]) == ("amber", "1.0")
    assert shown["sha256"] == papers.digest(waiting.entry(one))
    assert {"setuid", "network", "program"} <= {finding["rule"] for finding in shown["findings"]}
    page = waiting.say("review", "show", "pkg")
    assert "chmod 4755" in page
    (line,) = json.loads(waiting.say("review", "list", "--json"))
    assert (line["mark"], line["files"], line["removed"] > 0) == ("amber", 8, True)
    text = waiting.say("review", "diff", "pkg")
    assert "- return 0;\n+ return 1;\n" in text
    assert text.index("debian/rules") < text.index("src/main.c")
    assert "# folded: configure (generated), +1 -0\n" in text
    assert "+generated" in waiting.say("review", "diff", "pkg", "--all")
    assert waiting.say("review", "diff", "pkg", "src").startswith("diff -ruN")
    assert {one["path"] for one in json.loads(waiting.say("review", "diff", "pkg", "debian", "--json"))} == {
        "debian/changelog",
        "debian/pkg.postinst",
        "debian/rules",
    }
    assert "gone.txt" in waiting.say("review", "diff", "pkg", "--stat")
    assert "nothing called 'no'" in waiting.say("review", "diff", "pkg", "no")
    said = json.loads(waiting.say("review", "note", "pkg", "odd", "--as", "rita", "--json"))
    assert (said["decision"], said["key"]) == ("noted", one.key)
    assert "rita: odd" in waiting.say("review", "show", "pkg")
    json.loads(waiting.say("review", "ask", "pkg", "why?", "--as", "rita", "--json"))
    json.loads(waiting.say("review", "accept", "pkg", "--as", "rita", "--json"))
    assert "nothing waits" in waiting.say("review", "list")
    assert json.loads(waiting.say("review", "undo", "pkg", "--as", "rita", "--json"))["decision"] == "undone"
    assert json.loads(waiting.say("review", "list", "--json"))[0]["mark"] == "amber"
    assert "unpacks" in waiting.say("review", "rules")


@unprivileged
def test_a_kill_at_any_time_leaves_nothing_half(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    waiting.publish(native(waiting.path, "1.0", OLD))
    one = waiting.send(native(waiting.path, "1.1", NEW), "1.1")
    killed = whole = 0
    for delay in (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0):
        child = os.fork()
        if child == 0:
            waiting.look()
            os._exit(0)
        select.select([os.pidfd_open(child)], [], [], delay)
        os.kill(child, signal.SIGKILL)
        killed += os.waitpid(child, 0)[1] == signal.SIGKILL
        there = (waiting.entry(one) / papers.DIRECTORY).exists()
        assert there == (papers.read(waiting.entry(one)) is not None)
        whole += there
    assert killed >= 1

    assert waiting.gather(one).what.published == "1.0"
    assert {path.name for path in waiting.entry(one).iterdir()} == {"evidence", "files", "history"}
    assert {path.name for path in (waiting.entry(one) / "evidence").iterdir()} == {"facts", "diff", "index"}
    assert [*(waiting.path / "spool/evidence").iterdir()] == []


@unprivileged
def test_what_a_reviewer_looks_at_is_not_replaced(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    one = waiting.send(native(waiting.path, "1.1", NEW), "1.1")
    seen = waiting.gather(one)
    waiting.publish(native(waiting.path, "1.0", OLD))
    daemon = EvidenceDaemon(waiting.site)
    real = daemon.gatherer.gather
    opened = waiting.desk.open(one.key, REVIEWER, utc())

    def gather(*given: Any) -> Any:
        found = real(*given)
        opened.__enter__()
        return found

    daemon.gatherer.gather = gather  # type: ignore[method-assign]
    daemon.recover()
    assert not daemon.one()
    assert papers.read(waiting.entry(one)) == seen
    opened.__exit__(None, None, None)

    assert waiting.gather(one).what.published == "1.0"


@unprivileged
def test_a_reviewer_waits_for_nobody(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    one = waiting.send(native(waiting.path, "1.1", NEW), "1.1")
    waiting.site.people.add_reviewer("rita", "rita@example.org")
    daemon = EvidenceDaemon(waiting.site)
    real = daemon.gatherer.gather

    def gather(*given: Any) -> Any:
        found = real(*given)
        waiting.desk.accept(one.key, REVIEWER, utc())  # in the last moment
        return found

    daemon.gatherer.gather = gather  # type: ignore[method-assign]
    daemon.recover()

    assert not daemon.one()
    assert waiting.site.spool.master.find(one.key) is not None
    assert [*(waiting.path / "spool/evidence").iterdir()] == []


@unprivileged
def test_build_dependencies_that_cannot_be_had_are_named(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(depends=True, lintian=False))
    needs = "Source: pkg\nMaintainer: Ulla <ulla@example.org>\nBuild-Depends: bc, no-such-package (>= 2)\n"
    control = f"{needs}\nPackage: pkg\nArchitecture: any\nDescription: tiny\n It is.\n"

    one = waiting.send(native(waiting.path, "1.0", {"debian/control": control}), "1.0")

    with pytest.MonkeyPatch.context() as patch:  # this archive is not signed
        patch.setattr(Site, "local_archives", lambda *_: [])
        found = waiting.gather(one)

    assert found.consequences.missing == {"amd64": "no-such-package (>= 2)"}


@unprivileged
def test_lintian_looks_at_both_versions_and_what_is_new_comes_first(work: Path) -> None:
    """The real one, from a layer over the base; nothing of it is on this machine."""
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(depends=False))
    waiting.publish(native(waiting.path, "1.0", OLD))
    old = "Source: pkg\nMaintainer: Ulla <ulla@example.org>\nStandards-Version: 3.0.0\n"
    control = f"{old}\nPackage: pkg\nArchitecture: any\nDescription: tiny\n It is.\n"

    found = waiting.gather(waiting.send(native(waiting.path, "1.1", {**OLD, "debian/control": control}), "1.1"))

    assert (found.trouble, found.lintian_trouble) == (None, "")
    assert found.lintian is not None
    fresh = {tag.name for tag in found.lintian if tag.new}
    known = {tag.name for tag in found.lintian if not tag.new}
    assert "out-of-date-standards-version" in fresh
    assert {"debian-rules-missing-required-target", "no-debian-copyright-in-source"} <= known
    assert "debian-rules-missing-required-target" not in fresh
    assert [tag.new for tag in found.lintian] == sorted((tag.new for tag in found.lintian), reverse=True)
    shown = json.loads(waiting.say("review", "show", "pkg", "--json"))
    assert "lintian-information" in {finding["rule"] for finding in shown["findings"]}


FORMAT = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
EXPAT = f"{FORMAT}\nFiles: *\nCopyright: 2020 Ulla\nLicense: Expat\n Do as you like.\n"
GPL = f"{FORMAT}\nFiles: debian/* src/*\nCopyright: 2020 Ulla\nLicense: GPL-2+\n As published.\n"


@unprivileged
def test_licences_are_compared_with_the_published_version_and_with_the_files(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    waiting.publish(native(waiting.path, "1.0", {**OLD, "debian/copyright": EXPAT}))
    new = {**NEW, "debian/copyright": GPL, "src/other.c": "/* SPDX-License-Identifier: Apache-2.0 */\n"}

    found = waiting.gather(waiting.send(native(waiting.path, "1.1", new), "1.1"))

    assert found.licences is not None
    assert (found.licences.added, found.licences.dropped) == (("GPL-2+",), ("Expat",))
    assert found.licences.uncovered == ("blob.bin", "new.txt")
    assert "src/main.c: Expat -> GPL-2+" in found.licences.changed
    assert found.licences.contradicted == ("src/other.c: GPL-2+, and the file says Apache-2.0",)
    assert "licences: debian/copyright: nothing is said of: new.txt" in waiting.say("review", "show", "pkg")


@unprivileged
def test_what_is_odd_about_the_dsc_is_said_with_its_source(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site")
    dsc = native(waiting.path, "1.0", {"debian/source/include-binaries": "x\n"})
    dsc.write_text(dsc.read_text().replace("\n pkg deb misc", "\n pkg-other deb misc"))

    found = waiting.gather(waiting.send(dsc, "1.0"))

    said = {f"{one.words} ({one.source})" for one in found.flaws}
    assert {"no Homepage (Policy 5.6.23)", "it carries no signature of its own (dpkg-source(1))"} <= said
    assert "only in the .dsc and not in debian/control: pkg-other (dsc(5))" in said
    assert "no Homepage (Policy 5.6.23)" in waiting.say("review", "show", "pkg")


@unprivileged
def test_lintian_comes_last_and_no_rule_decides_before_it(work: Path) -> None:
    """What is looked at by a reviewer meanwhile is not replaced; what lintian said is kept for when it was left."""
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(depends=False))
    published = native(waiting.path, "1.0", OLD)
    waiting.publish(published)
    first = waiting.send(native(waiting.path, "1.1", NEW), "1.1")
    low = waiting.send(published, "1.0")
    daemon = EvidenceDaemon(waiting.site)
    daemon.recover()
    assert [daemon.one() for _ in (first, low)] == [True, True]
    evidence = {one: papers.read(waiting.entry(one)) for one in (first, low)}
    assert all(found is not None and found.awaits_lintian and not found.lintian for found in evidence.values())
    assert "it has not looked yet" in waiting.say("review", "show", first.key)
    assert waiting.site.spool.review.find(low.key)[0] is Room.READY  # type: ignore[index]
    real, asked = daemon.gatherer.lint, []

    def lint(upload: Upload, *given: Any) -> Any:
        asked.append(upload.key)
        found = real(upload, *given)
        if upload == first:
            opened.__enter__()
        return found

    daemon.gatherer.lint = lint  # type: ignore[method-assign]
    opened = waiting.desk.open(first.key, REVIEWER, utc())
    assert daemon.one()
    assert papers.read(waiting.entry(first)) == evidence[first]
    opened.__exit__(None, None, None)
    while daemon.one():
        pass

    assert asked.count(first.key) == 1
    found = papers.read(waiting.entry(first))
    assert found is not None
    assert found.lintian
    assert not found.awaits_lintian
    assert {path.name for path in (waiting.entry(first) / "evidence").iterdir()} == {"facts", "diff", "index"}
    assert waiting.site.spool.review.find(low.key)[0] is Room.REJECTED  # type: ignore[index]


@unprivileged
def test_without_lintian_the_evidence_says_so_and_waits_for_nothing(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(depends=False))
    one = waiting.send(native(waiting.path, "1.1", NEW), "1.1")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linting, "_NEEDS", Needs(resolving.needed(b"Build-Depends: no-such-lintian\n"), "arch"))
        found = waiting.gather(one)

    assert found.difference is not None
    assert found.lintian is None
    assert "have no lintian" in found.lintian_trouble
    assert "have no lintian" in waiting.say("review", "show", "pkg")
