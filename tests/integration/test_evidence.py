"""What the evidence daemon finds in real sources, in a real sandbox."""

from __future__ import annotations

import json
import os
import select
import signal
import tarfile
from pathlib import Path
from typing import Any

import pytest

from daemons.evidence.gatherer import EvidenceDaemon
from daemons.settings import Evidence
from daemons.sites import Site
from queues.clock import utc
from review.evidence import papers
from tests.support.account import unprivileged
from tests.support.desk import Waiting, native
from tests.support.tarballs import crafted, member, quilted
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
