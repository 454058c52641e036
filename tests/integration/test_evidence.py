"""What the evidence daemon finds in real sources, in a real sandbox."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemons.settings import Evidence, Settings
from review.evidence import papers
from tests.support.account import room, unprivileged
from tests.support.desk import SUITE, Waiting, native

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


@pytest.fixture
def work() -> Iterator[Path]:
    with room() as path:
        yield path


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


def crafted(into: Path, member: tarfile.TarInfo, content: bytes = b"") -> Path:
    """Write a native source of version 1.0 whose tarball has one more member."""
    dsc = native(into, "1.0", {})
    tarball = dsc.with_name("pkg_1.0.tar.xz")
    with tarfile.open(tarball) as old, tarfile.open(into / "bad.tar.xz", "w:xz", preset=0) as new:
        for one in old.getmembers():
            new.addfile(one, old.extractfile(one) if one.isreg() else None)
        new.addfile(member, io.BytesIO(content))
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


MALICIOUS = {
    "climbs-out": member("tree/../../../../etc/climbed"),
    "device": member("tree/zero", tarfile.CHRTYPE),
    "device (a pipe)": member("tree/pipe", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("what", MALICIOUS)
def test_a_malicious_source_is_refused_by_name(work: Path, what: str) -> None:
    @unprivileged
    def body() -> None:
        (work / "site").mkdir()
        waiting = Waiting(work / "site")
        one = waiting.send(crafted(waiting.path, MALICIOUS[what]), "1.0")
        found = waiting.gather(one)
        assert found.trouble is not None
        assert found.trouble.rule == what.partition(" ")[0], found.trouble
        assert found.difference is None
        assert not Path("/etc/climbed").exists()

    body()


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
    waiting = Waiting(work / "site", Settings({"demo": SUITE}, evidence=Evidence(disk=64 << 20)))
    one = waiting.send(bomb(waiting.path), "1.0")

    found = waiting.gather(one)

    assert found.trouble is not None
    assert found.trouble.rule == "too-large", found.trouble


@unprivileged
def test_more_files_than_are_looked_into_are_refused(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Settings({"demo": SUITE}, evidence=Evidence(files=100)))
    one = waiting.send(native(waiting.path, "1.0", {f"many/{number}": "" for number in range(100)}), "1.0")

    found = waiting.gather(one)

    assert found.trouble is not None
    assert found.trouble.rule == "too-many-files", found.trouble


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
