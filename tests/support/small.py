"""A small source package of our own: one program that prints its name and version, built in seconds without debhelper.

Its upstream tarball and its packaging are the usual ones (3.0 quilt). `fails_on` names architectures for which it
cannot be built; `build_depends` is put into its control file as it stands.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.people import Person
from tests.support.sources import SourceUpload, build_source, changelog_entry


@dataclass(frozen=True)
class Small:
    """What the package is: `architecture` is `any` (a C program) or `all` (a shell script)."""

    name: str
    version: str = "1.0-1"
    architecture: str = "any"
    fails_on: tuple[str, ...] = ()
    build_depends: str = ""

    def upload(self, suite: str, by: Person, into: Path, *, orig: bool = True) -> SourceUpload:
        """Write the package below a new folder of `into` and make a signed source upload of it."""
        tree = self.tree(suite, by, into)
        self._pack_upstream(tree)
        return build_source(tree, self.name, self.version, by, "-sa" if orig else "-sd")

    def tree(self, suite: str, by: Person, into: Path) -> Path:
        """Write the unpacked package below a new folder of `into`, without its upstream tarball."""
        tree = into / f"{self.name}_{self.version}" / "tree"
        (tree / "debian/source").mkdir(parents=True)
        (tree / self._program_name).write_text(self._program())
        for name, text in self._packaging(suite, by).items():
            (tree / "debian" / name).write_text(text)
        (tree / "debian/rules").chmod(0o755)
        return tree

    @property
    def _program_name(self) -> str:
        return f"{self.name}.c" if self.architecture == "any" else f"{self.name}.sh"

    def _program(self) -> str:
        return (
            _C
            if self.architecture == "any"
            else f"#!/bin/sh\necho \"{self.name} $(dpkg-query -W -f '${{Version}}' {self.name})\"\n"
        )

    def _pack_upstream(self, tree: Path) -> None:
        """Pack the same octets each time: a later upload must find the orig tarball it names."""
        upstream = self.version.partition("-")[0]
        with tarfile.open(tree.parent / f"{self.name}_{upstream}.orig.tar.xz", "w:xz") as tar:
            member = tarfile.TarInfo(f"{self.name}-{upstream}/{self._program_name}")
            member.size = (tree / self._program_name).stat().st_size
            with (tree / self._program_name).open("rb") as program:
                tar.addfile(member, program)

    def _packaging(self, suite: str, by: Person) -> dict[str, str]:
        facts = {
            "name": self.name,
            "architecture": self.architecture,
            "who": by,
            "fails_on": " ".join(self.fails_on),
            "build_depends": f"Build-Depends: {self.build_depends}\n" if self.build_depends else "",
        }
        kind = "arch" if self.architecture == "any" else "indep"
        return {
            "control": _CONTROL.format(**facts),
            "rules": (_RULES + _RULES_OF[kind]).format(**facts),
            "changelog": changelog_entry(self.name, self.version, suite, by),
            "source/format": "3.0 (quilt)\n",
            "copyright": "Public domain.\n",
        }


_C = """\
#include <stdio.h>
int main(void) { return puts(NAME " " VERSION) < 0; }
"""

_CONTROL = """\
Source: {name}
Section: misc
Priority: optional
Maintainer: {who.full_name} <{who.address}>
Standards-Version: 4.6.2
Rules-Requires-Root: no
{build_depends}
Package: {name}
Architecture: {architecture}
Depends: ${{shlibs:Depends}}, ${{misc:Depends}}
Description: prints its name and its version
 A program as small as a package can be.
"""

_RULES = """\
#!/usr/bin/make -f
include /usr/share/dpkg/default.mk
root = debian/{name}

build: build-arch build-indep
binary: binary-arch binary-indep
clean:
	rm -rf $(root) debian/files debian/substvars {name}

can-be-built:
	@case " {fails_on} " in *" $(DEB_HOST_ARCH) "*) \\
	echo "{name}: cannot be built for $(DEB_HOST_ARCH)" >&2; exit 1;; esac

.PHONY: build build-arch build-indep binary binary-arch binary-indep clean can-be-built

"""

_RULES_OF = {
    "arch": """\
build-indep binary-indep:
build-arch: can-be-built
	$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) -DNAME='"{name}"' -DVERSION='"$(DEB_VERSION)"' -o {name} {name}.c
binary-arch: build-arch
	install -D {name} $(root)/usr/bin/{name}
	mkdir -p $(root)/DEBIAN
	dpkg-shlibdeps -Tdebian/substvars $(root)/usr/bin/{name}
	dpkg-gencontrol -Tdebian/substvars -p{name} -P$(root)
	dpkg-deb --root-owner-group --build $(root) ..
""",
    "indep": """\
build-arch binary-arch:
build-indep: can-be-built
binary-indep: build-indep
	install -D -m 755 {name}.sh $(root)/usr/bin/{name}
	mkdir -p $(root)/DEBIAN
	dpkg-gencontrol -p{name} -P$(root)
	dpkg-deb --root-owner-group --build $(root) ..
""",
}
