"""Tiny real packages for tests of the archive: .debs made by dpkg-deb, sources by dpkg-source."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive import reading
from archive.reading import Fields
from archive.signing import Signed
from queues.names import part_key, upload_key
from queues.values import BuildJob, BuildResult, FileRef, Upload

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
CONTROL = """Package: {package}
{source}Version: {version}
Architecture: {architecture}
Maintainer: Ulla <ulla@example.org>
Section: {section}
Priority: optional
{more}Description: a tiny package
 It holds one file.
 .
 And this line.
"""


class Rubber:
    """Signs without a key."""

    def sign(self, texts: Sequence[bytes]) -> list[Signed]:
        """Give each text as if it were signed."""
        return [Signed(text, b"signature") for text in texts]

    def detach(self, files: Sequence[Path]) -> list[bytes]:
        """Give a signature of each file."""
        return [b"signature" for _ in files]


def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read each .deb but once, however often what includes it begins anew."""
    known: dict[Path, Fields] = {}
    real = reading.read

    def read(paths: Sequence[Path]) -> list[Fields]:
        missing = [path for path in paths if path not in known]
        known.update(zip(missing, real(missing), strict=True))
        return [known[path] for path in paths]

    monkeypatch.setattr(reading, "read", read)


def ref_of(path: Path) -> FileRef:
    """Hash a file and close it for writing, as the files of an entry are."""
    path.chmod(0o444)
    content = path.read_bytes()
    return FileRef(path.name, len(content), hashlib.sha256(content).hexdigest())


def deb(
    into: Path,
    package: str,
    version: str,
    architecture: str = "amd64",
    *,
    source: str = "",
    section: str = "misc",
    more: str = "",
) -> Path:
    """Build a .deb with one file, in `into`."""
    tree = into / f"{package}-tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/share").mkdir(parents=True)
    (tree / "usr/share" / package).write_text(f"{package} {version}\n")
    fields = {"package": package, "version": version, "architecture": architecture, "section": section, "more": more}
    line = f"Source: {source}\n" if source else ""
    (tree / "DEBIAN/control").write_text(CONTROL.format(**fields, source=line))
    target = into / f"{package}_{version.partition(':')[2] or version}_{architecture}.deb"
    _run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(target)], into)
    _run(["rm", "-r", str(tree)], into)
    return target


def dsc(
    into: Path, source: str, version: str, binaries: Sequence[tuple[str, str]] | None = None, *, needs: str = ""
) -> Path:
    """Build a native source package in `into`; `binaries` are names and Architecture fields, `needs` Build-Depends."""
    tree = into / f"{source}-tree"
    (tree / "debian/source").mkdir(parents=True)
    (tree / "debian/source/format").write_text("3.0 (native)\n")
    changelog = f"{source} ({version}) demo; urgency=low\n\n  * It.\n\n -- Ulla <ulla@example.org>  "
    (tree / "debian/changelog").write_text(changelog + "Thu, 01 Jan 2026 00:00:00 +0000\n")
    (tree / "debian/rules").write_text("#!/usr/bin/make -f\n")
    head = f"Source: {source}\nSection: misc\nPriority: optional\nMaintainer: Ulla <ulla@example.org>\n"
    declared = [
        f"\nPackage: {name}\nArchitecture: {architecture}\nDescription: tiny\n It is.\n"
        for name, architecture in binaries or [(source, "any")]
    ]
    wanted = f"Build-Depends: {needs}\n" if needs else ""
    (tree / "debian/control").write_text(head + wanted + "Standards-Version: 4.6.2\n" + "".join(declared))
    _run(["dpkg-source", "--build", str(tree)], into)
    _run(["rm", "-r", str(tree)], into)
    return into / f"{source}_{version.partition(':')[2] or version}.dsc"


def upload(files: Path, source: str, version: str, suite: str = "demo", component: str = "main") -> Upload:
    """Make the envelope of an upload whose files are those in a directory."""
    refs = tuple(ref_of(path) for path in sorted(files.iterdir()))
    return Upload(
        key=upload_key(source, version, hashlib.sha256(f"{source} {version}".encode()).hexdigest()),
        source=source,
        version=version,
        suite=suite,
        distribution=suite,
        uploader="ulla",
        signer="F" * 40,
        signed_by="ulla",
        maintainer="Ulla <ulla@example.org>",
        changed_by="Ulla <ulla@example.org>",
        received=MOMENT,
        files=refs,
        component=component,
    )


def result(of: Upload, architecture: str, files: Path) -> tuple[BuildResult, Path]:
    """Make the result of a build whose files are those in a directory."""
    refs = tuple(ref_of(path) for path in sorted(files.iterdir()))
    job = BuildJob(
        upload=part_key(of.key, architecture),
        source=of.source,
        version=of.version,
        architecture=architecture,
        suite=of.suite,
        dsc=of.files[0],
        files=of.files,
    )
    log = FileRef("log", 0, "0" * 64)
    return BuildResult(job, "built", "", "check", refs, log, MOMENT, MOMENT), files


def _run(command: Sequence[str], where: Path) -> None:
    subprocess.run(command, cwd=where, check=True, capture_output=True)
