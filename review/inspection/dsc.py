"""The .dsc of an upload: bound by the SHA256 in the signed .changes, whoever signed it or nobody.

Source: dsc(5); dpkg-source(1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import getaddresses

from msgspec import Struct

from archive import dscfile
from queues import control
from queues.values import FileRef, Suite
from review.inspection import files, text
from review.inspection.changes import Changes, component_of
from review.refusal import Refusal

LARGEST = dscfile.LARGEST  # bytes


class Package(Struct, frozen=True):
    """A binary package that a source makes. `architectures` may hold wildcards; empty when the .dsc does not say."""

    name: str
    section: str
    architectures: tuple[str, ...]

    @property
    def component(self) -> str:
        """The component its section names."""
        return component_of(self.section)


class Dsc(Struct, frozen=True):
    """What a .dsc says. `maintainers` are the addresses in Maintainer and Uploaders, in lower case."""

    name: str
    format: str
    source: str
    version: str
    architectures: tuple[str, ...]
    packages: tuple[Package, ...]
    maintainers: tuple[str, ...]
    files: tuple[FileRef, ...]


def read(data: bytes, name: str) -> Dsc:
    """Read a .dsc, signed or not. Raises Refusal."""
    try:
        octets = dscfile.paragraph(data)
        text.decode(octets, name)
        fields = control.paragraph(octets)
    except (dscfile.NotADsc, control.Malformed) as error:
        raise Refusal("dsc", f"{name}: {error}") from None
    return Dsc(
        name=name,
        format=fields.get("Format", "").strip(),
        source=fields.get("Source", "").strip(),
        version=fields.get("Version", "").strip(),
        architectures=tuple(fields.get("Architecture", "").split()),
        packages=tuple(_packages(fields, name)),
        maintainers=addresses(fields.get("Maintainer", ""), fields.get("Uploaders", "")),
        files=files.sums(fields, name),
    )


def check(dsc: Dsc, changes: Changes, suite: Suite) -> None:
    """Refuse a .dsc that is not the one its .changes speaks of, or of a format the suite does not take."""
    if (dsc.source, dsc.version) != (changes.source, changes.version):
        ours, theirs = f"{dsc.source} {dsc.version}", f"{changes.source} {changes.version}"
        raise Refusal("dsc", f"{dsc.name} is of {ours[:120]}, but {changes.name} of {theirs}")
    if dsc.format not in suite.formats:
        takes = ", ".join(suite.formats)
        raise Refusal(
            "format", f"the suite {suite.name} does not take the source format '{dsc.format}'; it takes {takes}"
        )
    _check_whole(dsc)
    _check_agreement(dsc, changes)


def addresses(*values: str) -> tuple[str, ...]:
    """Give the mail addresses in fields like Maintainer, in lower case (Policy 5.6.2 and 5.6.3)."""
    return tuple(mail.lower() for _, mail in getaddresses([" ".join(value.split()) for value in values]) if mail)


def _packages(fields: Mapping[str, str], name: str) -> Iterator[Package]:
    lines = [line.split() for line in fields.get("Package-List", "").split("\n") if line.strip()]
    for words in lines:
        if len(words) < 4:
            raise Refusal("dsc", f"{name}: a line of Package-List cannot be read: {' '.join(words)[:80]}")
        options = dict(word.partition("=")[::2] for word in words[4:])
        yield Package(words[0], words[2], tuple(filter(None, options.get("arch", "").split(","))))
    if not lines:
        for binary in fields.get("Binary", "").replace(",", " ").split():
            yield Package(binary, "", ())


def _check_whole(dsc: Dsc) -> None:
    """Check that the files are those of the format: a native tarball, or upstream's and ours."""
    names = [ref.name for ref in dsc.files]
    stray = [name for name in names if not _belongs(name, dsc)]
    if stray:
        raise Refusal("dsc", f"{dsc.name}: {stray[0]} is no file of a source package of {dsc.source} {dsc.version}")
    packaging = [name for name in names if files.is_packaging(name, dsc.source, dsc.version)]
    origs = [name for name in names if _is_main_orig(name)]
    split = any(".debian.tar." in name or name.endswith(".diff.gz") for name in packaging)
    native = "native" in dsc.format or (dsc.format == "1.0" and not split)
    if len(packaging) != 1 or native == split or len(origs) != (0 if native else 1):
        raise Refusal("dsc", f"{dsc.name}: its files are not those of a source package of format {dsc.format}")


def _belongs(name: str, dsc: Dsc) -> bool:
    return files.is_orig(name, dsc.source, dsc.version) or files.is_packaging(name, dsc.source, dsc.version)


def _is_main_orig(name: str) -> bool:
    return ".orig.tar." in name and not name.endswith(".asc")


def _check_agreement(dsc: Dsc, changes: Changes) -> None:
    brought = {ref.name: ref for ref in changes.files}
    ours = {ref.name: ref for ref in dsc.files}
    for ref in dsc.files:
        other = brought.get(ref.name, ref)
        if other != ref:
            raise Refusal("dsc", f"{dsc.name} and {changes.name} disagree about the size or SHA256 of {ref.name}")
    for name in brought:
        if name not in ours and not name.endswith((".dsc", ".buildinfo")):
            raise Refusal("dsc", f"{changes.name} names {name}, which {dsc.name} does not")
