"""Source packages whose tarballs hold what dpkg-source would not put there, with the sums to go with it."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.support.desk import native


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
