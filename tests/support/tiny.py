"""A source package that is built in a second without debhelper, and a local repository of one binary package.

`tiny` makes a package per architecture and one for all; a test puts its own lines into `debian/rules` or control.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from queues.names import upload_key
from queues.values import BuildJob, FileRef
from tests.support.tools import run

CONTROL = """\
Source: tiny
Section: misc
Priority: optional
Maintainer: Tiny Tester <tiny@example.org>
Standards-Version: 4.6.2
{fields}
Package: tiny
Architecture: any
Description: a tiny package
 For tests.

Package: tiny-doc
Architecture: all
Description: its documentation
 For tests.
"""

RULES = """\
#!/usr/bin/make -f
build build-arch build-indep clean:
	@echo target $@
binary: binary-arch binary-indep
binary-arch:
{arch}
	$(call package,tiny)
{after}
binary-indep:
	$(call package,tiny-doc)
define package
	mkdir -p debian/$1/DEBIAN debian/$1/usr/share/tiny
	date -u >debian/$1/usr/share/tiny/$1
	dpkg-gencontrol -p$1 -Pdebian/$1
	dpkg-deb --root-owner-group --build debian/$1 ..
endef
.PHONY: build build-arch build-indep clean binary binary-arch binary-indep
"""

CHANGELOG = """\
tiny (1.0) testing; urgency=medium

  * A test.

 -- Tiny Tester <tiny@example.org>  Mon, 02 Nov 2026 10:00:00 +0000
"""


def source(
    into: Path, *, fields: str = "", arch: str = "true", after: str = "true", files: dict[str, str] | None = None
) -> Path:
    """Write the source package and give its .dsc; `arch` and `after` are run before and after its package is made."""
    tree = into / "tree"
    texts = {
        "debian/control": CONTROL.format(fields=f"{fields}\n" if fields else ""),
        "debian/rules": RULES.format(arch=_recipe(arch), after=_recipe(after)),
        "debian/changelog": CHANGELOG,
        "debian/source/format": "3.0 (native)\n",
        **(files or {}),
    }
    for name, text in texts.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    (tree / "debian/rules").chmod(0o755)
    run(["dpkg-source", "-b", "tree"], cwd=into)
    return into / "tiny_1.0.dsc"


def _recipe(lines: str) -> str:
    return "\n".join(f"\t@{line}" for line in lines.splitlines())


def job(dsc: Path, architecture: str) -> BuildJob:
    """Make the job of a source package whose files lie beside its .dsc."""
    files = tuple(reference(path) for path in sorted(dsc.parent.glob("tiny_*")) if path.is_file())
    its_dsc = next(file for file in files if file.name == dsc.name)
    return BuildJob(
        upload=upload_key("tiny", "1.0", "0" * 64),
        source="tiny",
        version="1.0",
        architecture=architecture,
        suite="testing",
        dsc=its_dsc,
        files=files,
    )


def reference(path: Path) -> FileRef:
    """Give name, size and SHA256 of a file."""
    return FileRef(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


def binary(
    into: Path, name: str, scripts: dict[str, str], files: dict[str, str] | None = None, version: str = "1"
) -> Path:
    """Make a binary package for all with maintainer scripts and files."""
    tree = into / f"{name}-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: a test\n"
    )
    for script, text in scripts.items():
        (tree / "DEBIAN" / script).write_text(text)
        (tree / "DEBIAN" / script).chmod(0o755)
    for path, text in (files or {}).items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
        (tree / path).chmod(0o755)
    run(["dpkg-deb", "--root-owner-group", "--build", tree, into])
    return into / f"{name}_{version}_all.deb"


def repository(root: Path, packages: list[Path]) -> Path:
    """Make a signed repository as debmill's snapshots are laid out, and give its public key.

    Its suite `local` is in snapshots/1, whose `pool` is a relative link to the pool of the root.
    """
    index = root / "snapshots/1/dists/local/main/binary-all"
    index.mkdir(parents=True)
    (root / "pool").mkdir()
    (root / "snapshots/1/pool").symlink_to("../../pool")
    stanzas = []
    for package in packages:
        package.rename(root / "pool" / package.name)
        stanzas.append(_stanza(root / "pool" / package.name))
    text = "\n".join(stanzas).encode()
    names = ["main/binary-all/Packages", "main/binary-all/Packages.gz"]
    dists = root / "snapshots/1/dists/local"
    for name, content in zip(names, (text, gzip.compress(text)), strict=True):
        (dists / name).write_bytes(content)
    for architecture in ("amd64", "i386"):
        empty = dists / f"main/binary-{architecture}/Packages"
        empty.parent.mkdir()
        empty.write_bytes(b"")
        names.append(f"main/binary-{architecture}/Packages")
    listed = "".join(f" {reference(dists / name).sha256} {(dists / name).stat().st_size} {name}\n" for name in names)
    (dists / "Release").write_text(
        "Origin: local\nSuite: local\nCodename: local\nArchitectures: all amd64 i386\nComponents: main\n"
        f"Date: Mon, 02 Nov 2026 10:00:00 UTC\nSHA256:\n{listed}"
    )
    return _sign(dists)


def _stanza(package: Path) -> str:
    control = run(["dpkg-deb", "-f", package]).output
    file = reference(package)
    return f"{control}Filename: pool/{file.name}\nSize: {file.size}\nSHA256: {file.sha256}\n"


def _sign(dists: Path) -> Path:
    home = dists / "gpg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", ""]
    run([*gpg, "--quick-generate-key", "local@example.org", "ed25519", "sign", "never"])
    run([*gpg, "--clearsign", "--digest-algo", "SHA512", "-o", dists / "InRelease", dists / "Release"])
    key = dists / "key.gpg"
    run([*gpg, "--export", "-o", key])
    run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"])
    return key
