"""The kinds of source packages that dpkg-source(1) makes, each a signed upload made with the real tools."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.people import Person
from tests.support.small import Small
from tests.support.sources import SourceUpload, build_source
from tests.support.tools import run


@dataclass(frozen=True)
class Kind:
    """A source format, and what its upstream consists of: further tarballs (`components`), signatures (`is_signed`).

    Without `buildinfo` the .changes names none, as dpkg-genchanges(1) run by hand leaves it.
    """

    format: str = "3.0 (quilt)"
    compression: str = "xz"
    is_native: bool = False
    components: tuple[str, ...] = ()
    is_signed: bool = False
    buildinfo: bool = True

    def upload(
        self, package: Small, suite: str, by: Person, into: Path, orig: str = "-sa", earlier: Sequence[Path] = ()
    ) -> SourceUpload:
        """Make the upload; `orig` is -sa or -sd, `earlier` are upstream's files as an earlier upload had them."""
        tree = package.tree(suite, by, into)
        (tree / "debian/source/format").write_text(f"{self.format}\n")
        for component in self.components:
            (tree / component).mkdir()
            (tree / component / "README").write_text(f"This is {component}.\n")
        for path in earlier:
            shutil.copy(path, tree.parent)
        if not earlier and not self.is_native:
            self._pack_upstream(package, tree, by)
        make = build_source if self.buildinfo else _build_without_buildinfo
        return make(tree, package.name, package.version, by, orig)

    def _pack_upstream(self, package: Small, tree: Path, by: Person) -> None:
        upstream = package.version.partition("-")[0]
        for component in ("", *self.components):
            name = f"{package.name}_{upstream}.orig{component and '-'}{component}.tar.{self.compression}"
            within = component or f"{package.name}-{upstream}"
            files = tree / component if component else tree
            _pack(tree.parent / name, within, [path for path in files.iterdir() if path.is_file()])
            if self.is_signed:
                by.sign(tree.parent / name)


def _pack(tarball: Path, within: str, files: list[Path]) -> None:
    with tarfile.open(tarball, f"w:{tarball.suffix[1:]}") as tar:  # type: ignore[call-overload]
        for path in files:
            member = tarfile.TarInfo(f"{within}/{path.name}")
            member.size = path.stat().st_size
            tar.addfile(member, io.BytesIO(path.read_bytes()))


def _build_without_buildinfo(tree: Path, source: str, version: str, by: Person, orig: str) -> SourceUpload:
    run(["dpkg-source", "--build", tree.name], cwd=tree.parent)
    stem = tree.parent / f"{source}_{version}"
    dsc, changes = Path(f"{stem}.dsc"), Path(f"{stem}_source.changes")
    by.clearsign(_taken_away(dsc), dsc)
    listed = tree.parent / "listed"
    run(["dpkg-genchanges", "-S", orig, "-q", f"-O{listed}"], cwd=tree)
    by.clearsign(listed.read_text(), changes)
    return SourceUpload(source, version, changes, by)


def _taken_away(path: Path) -> str:
    text = path.read_text()
    path.unlink()  # gpg writes over nothing
    return text
