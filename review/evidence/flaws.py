"""What is odd about a .dsc, and where it says other than what it stands for: hints, each with its source. Pure.

What makes a .dsc unusable was refused when it came (`review.inspection.dsc`): files without SHA256, among others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from queues import control
from review.evidence import changelog, packages
from review.evidence.values import Flaw
from review.inspection import dsc

OLDEST = "4"  # the major version of a Standards-Version that is not old: that of June 2017
_SHOWN = 5  # names in a sentence
_RECOMMENDED = (
    ("Standards-Version", "Policy 5.6.11"),
    ("Homepage", "Policy 5.6.23"),
    ("Package-List", "dsc(5)"),
    ("Build-Depends", "Policy 4.2"),
)


def of_source(
    fields: Mapping[str, str], signed: bool, texts: Mapping[str, str], warnings: Sequence[str]
) -> tuple[Flaw, ...]:
    """Look at a .dsc, at debian/control and debian/changelog of its source (`texts`), and at dpkg-source's warnings."""
    found = [*_fields(fields), *_format(fields)]
    if not signed:
        found.append(Flaw("it carries no signature of its own", "dpkg-source(1)"))
    if texts:
        found += [
            *_against_changelog(fields, texts.get("changelog", "")),
            *_against_control(fields, texts.get("control", "")),
        ]
    return (*found, *(Flaw(f"dpkg-source warns: {one}", "dpkg-source(1)") for one in warnings))


def _fields(fields: Mapping[str, str]) -> Iterator[Flaw]:
    for name, source in _RECOMMENDED:
        if not fields.get(name, "").strip():
            yield Flaw(f"no {name}", source)
    if not any(name.lower().startswith("vcs-") for name in fields):
        yield Flaw("no Vcs field says where its packaging is kept", "Developer's Reference 6.2.5")
    if not dsc.addresses(fields.get("Maintainer", "")):
        yield Flaw("Maintainer has no mail address", "Policy 5.6.2")
    standards = fields.get("Standards-Version", "").strip()
    if standards and standards.partition(".")[0].isdecimal() and int(standards.partition(".")[0]) < int(OLDEST):
        yield Flaw(f"Standards-Version {standards} is older than {OLDEST}, of 2017", "Policy 5.6.11")


def _format(fields: Mapping[str, str]) -> Iterator[Flaw]:
    format_, version = fields.get("Format", "").strip(), fields.get("Version", "")
    if format_ == "1.0":
        yield Flaw(
            "source format 1.0: its packaging is one patch, from which nothing can be told apart", "dpkg-source(1)"
        )
    if "native" in format_ and "-" in version:
        yield Flaw(f"a native source whose version, {version.strip()}, has a Debian revision", "Policy 5.6.12")


def _against_changelog(fields: Mapping[str, str], text: str) -> Iterator[Flaw]:
    entries = changelog.read(text)
    said = fields.get("Version", "").strip()
    if not entries:
        yield Flaw("debian/changelog has no entry that can be read", "deb-changelog(5)")
    elif entries[0].version != said:
        yield Flaw(f"debian/changelog is at {entries[0].version}, the .dsc at {said}", "dpkg-source(1)")


def _against_control(fields: Mapping[str, str], text: str) -> Iterator[Flaw]:
    """Say where debian/control is not what the .dsc was made of: what a reviewer reads here comes from the .dsc."""
    try:
        head, *others = control.paragraphs(text.encode(errors="replace"))
    except (control.Malformed, ValueError):
        yield Flaw("debian/control cannot be read", "deb-src-control(5)")
        return
    if head.get("Source", "").strip() != fields.get("Source", "").strip():
        yield Flaw(f"debian/control is of the source {head.get('Source', '').strip()}", "deb-src-control(5)")
    made, listed = {one.get("Package", "").strip() for one in others}, {one.name for one in packages.binaries(fields)}
    for names, where in (
        (made - listed, "debian/control and not in the .dsc"),
        (listed - made, "the .dsc and not in debian/control"),
    ):
        if names:
            yield Flaw(f"only in {where}: {', '.join(sorted(names)[:_SHOWN])}", "dsc(5)")
    wanted, given = packages.depends(head), packages.depends(fields)
    if "${" not in text and (more := packages.without(given, wanted)):
        yield Flaw(f"build dependencies that are not in debian/control: {', '.join(more[:_SHOWN])}", "dsc(5)")
