"""Very many small .debs for measurements: real stanzas of this machine's apt lists, each in a package of its own.

They are made once and kept in the tests' cache. A package's files are those that dpkg knows of it where it is installed
here; else the usual ones of any package, and as many as an installed one has.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import re
import subprocess
import tarfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from daemons.command import bases

_OURS = re.compile(rb"^(Filename|Size|MD5sum|SHA1|SHA256|SHA512|Description-md5|Tag):.*\n(?:[ \t].*\n)*", re.MULTILINE)
_NAME = re.compile(rb"^Package: (\S+)$", re.MULTILINE)
_VERSION = re.compile(rb"^Version: (?:[0-9]+:)?(\S+)$", re.MULTILINE)
_ARCHITECTURE = re.compile(rb"^Architecture: (\S+)$", re.MULTILINE)
_FAST = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 16}]
_FORM = 1  # of what is made here


def corpus(count: int, more: int) -> tuple[list[Path], list[Path]]:
    """Give `count` .debs spread over the whole alphabet, and `more` that are none of them, in no order."""
    found = stanzas()
    if len(found) < count + more:
        raise LookupError(f"apt knows {len(found)} packages here, not {count + more}: run apt-get update")
    text = hashlib.sha256(b"".join(found)).hexdigest()[:12]
    where = bases.cache(None) / "tests" / f"debs-{_FORM}-{text}"
    names = _make(where, found)
    step = len(names) / (count + more)
    chosen = [names[int(number * step)] for number in range(count + more)]
    apart = {chosen[int((number + 0.5) * len(chosen) / more)] for number in range(more)}
    mixed = sorted(apart, key=lambda name: hashlib.sha256(name.encode()).digest())
    return [where / name for name in chosen if name not in apart], [where / name for name in mixed]


def stanzas() -> list[bytes]:
    """Give the control files of all packages that apt knows here, one of a name, sorted."""
    target = ["apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Packages"]
    lists = subprocess.run(target, check=True, capture_output=True, text=True).stdout.split()
    text = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", *lists], check=True, capture_output=True).stdout
    by_name: dict[bytes, bytes] = {}
    for stanza in text.split(b"\n\n"):
        if match := _NAME.search(stanza):
            by_name.setdefault(match[1], _OURS.sub(b"", stanza + b"\n"))
    return [stanza for _, stanza in sorted(by_name.items())]


def file_name(stanza: bytes) -> str:
    """Give the file name that a control file makes."""
    found = (pattern.search(stanza) for pattern in (_NAME, _VERSION, _ARCHITECTURE))
    return "_".join(match[1].decode() for match in found if match) + ".deb"


def deb(control: bytes, paths: Sequence[str]) -> bytes:
    """Make a .deb of empty files."""
    members = (
        (b"debian-binary", b"2.0\n"),
        (b"control.tar.xz", _packed({"./control": control})),
        (b"data.tar.xz", _packed(dict.fromkeys((f".{path}" for path in paths), b""))),
    )
    return b"!<arch>\n" + b"".join(_member(name, data) for name, data in members)


def _make(where: Path, found: Sequence[bytes]) -> list[str]:
    names = [file_name(stanza) for stanza in found]
    if not (where / "complete").exists():
        where.mkdir(parents=True, exist_ok=True)
        lists = _installed()
        usual = sorted(lists.values(), key=len)
        with ProcessPoolExecutor(2) as workers:
            jobs = (
                (where, name, stanza, *_files(name, lists, usual)) for name, stanza in zip(names, found, strict=True)
            )
            all(workers.map(_write, jobs, chunksize=200))
        (where / "complete").touch()
    return names


def _installed() -> dict[str, list[str]]:
    found = {}
    for path in Path("/var/lib/dpkg/info").glob("*.list"):
        lines = path.read_text().splitlines()
        found[path.stem.partition(":")[0]] = [line for line in lines if not os.path.isdir(line)]
    return found


def _files(name: str, lists: dict[str, list[str]], usual: Sequence[list[str]]) -> list[str]:
    package = name.partition("_")[0]
    if package in lists:
        return lists[package]
    model = usual[int(hashlib.sha256(package.encode()).hexdigest(), 16) % len(usual)]
    doc = f"/usr/share/doc/{package}"
    others = [f"/usr/share/{package}/{path.lstrip('/')}" for path in model if not path.startswith("/usr/share/doc/")]
    return [f"{doc}/changelog.Debian.gz", f"{doc}/copyright", *others[:200]]


def _write(job: tuple[Path, str, bytes, list[str]]) -> bool:
    where, name, stanza, paths = job
    (where / name).write_bytes(deb(stanza, paths))
    return True


def _packed(files: dict[str, bytes]) -> bytes:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return lzma.compress(tar.getvalue(), lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=_FAST)


def _member(name: bytes, data: bytes) -> bytes:
    head = b"%-16b%-12d%-6d%-6d%-8b%-10d`\n" % (name, 0, 0, 0, b"100644", len(data))
    return head + data + b"\n" * (len(data) % 2)
