"""The .changes of a source upload, read from the octets that the verifier returned, and from nothing else.

Source: deb-changes(5), Policy 5.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from queues import control, names
from queues.values import FileRef, Suite
from review.inspection import files, text
from review.refusal import Refusal

LARGEST = 1 << 20  # bytes of the file
COMMAND = "dpkg-buildpackage -S"


class Changes(Struct, frozen=True):
    """What a signed .changes says. `files` are those it names, not itself; `text` is its changelog part."""

    name: str
    source: str
    version: str
    distribution: str
    component: str
    maintainer: str
    changed_by: str
    text: str
    files: tuple[FileRef, ...]

    @property
    def dsc(self) -> FileRef:
        """The .dsc; there is exactly one."""
        return next(ref for ref in self.files if ref.name.endswith(".dsc"))


def read(octets: bytes, name: str) -> Changes:
    """Read and check the one paragraph of a .changes. Raises Refusal."""
    fields = _paragraph(octets, name)
    _check_source_only(fields, name)
    source, version = _checked_names(fields, name)
    changes = Changes(
        name=name,
        source=source,
        version=version,
        distribution=_one_distribution(fields, name),
        component=_component(fields, name),
        maintainer=text.line(_required(fields, "Maintainer", name), f"{name}: Maintainer"),
        changed_by=text.line(fields.get("Changed-By", ""), f"{name}: Changed-By"),
        text=_required(fields, "Changes", name),
        files=files.sums(fields, name),
    )
    _check_file_names(changes)
    return changes


def suite_of(changes: Changes, suites: Mapping[str, Suite]) -> Suite:
    """Find the suite that takes a distribution: the one of that name, else the first that accepts it."""
    wanted = changes.distribution
    if wanted in suites:
        return suites[wanted]
    for suite in suites.values():
        if wanted in suite.accepts:
            return suite
    known = ", ".join(sorted({*suites, *(name for suite in suites.values() for name in suite.accepts)})) or "none"
    raise Refusal(
        "suite", f"no suite takes the distribution '{wanted}'; name one of these in debian/changelog: {known}"
    )


def check_components(components: Iterable[str], suite: Suite) -> None:
    """Refuse components that the suite lacks. Raises Refusal."""
    for component in components:
        if component not in suite.components:
            has = ", ".join(suite.components)
            raise Refusal("component", f"the suite {suite.name} has no component '{component}' (Section); it has {has}")


def component_of(section: str) -> str:
    """Give the component that a Section names: what stands before its slash, else main (Policy 2.4)."""
    return section.partition("/")[0] if "/" in section else "main"


def _paragraph(octets: bytes, name: str) -> dict[str, str]:
    text.decode(octets, name)
    try:
        return control.paragraph(octets)
    except control.Malformed as error:
        raise Refusal("paragraph", f"{name}: {error}") from None


def _required(fields: Mapping[str, str], field: str, name: str) -> str:
    value = fields.get(field, "").strip()
    if not value:
        raise Refusal("fields", f"{name}: the field {field} is missing or empty")
    return value


def _check_source_only(fields: Mapping[str, str], name: str) -> None:
    architecture = _required(fields, "Architecture", name)
    if architecture != "source":
        raise Refusal(
            "source-only",
            f"{name}: uploads are source only, this has Architecture '{architecture[:80]}'; make it with: {COMMAND}",
        )


def _checked_names(fields: Mapping[str, str], name: str) -> tuple[str, str]:
    source, version = _required(fields, "Source", name), _required(fields, "Version", name)
    if not names.SOURCE.fullmatch(source):
        raise Refusal("fields", f"{name}: '{source[:80]}' is not the name of a source package")
    if not names.VERSION.fullmatch(version):
        raise Refusal("fields", f"{name}: '{version[:80]}' is not a version")
    try:
        names.upload_key(source, version, "0" * 64)
    except names.NotAName:
        raise Refusal("fields", f"{name}: source name and version are longer than {names.LONGEST - 20}") from None
    return source, version


def _one_distribution(fields: Mapping[str, str], name: str) -> str:
    found = _required(fields, "Distribution", name).split()
    if len(found) != 1:
        raise Refusal("suite", f"{name}: names several distributions ({' '.join(found)[:80]}); upload to one at a time")
    if found[0].upper() == "UNRELEASED":
        raise Refusal("suite", f"{name}: the distribution is UNRELEASED; finish the changelog with dch -r")
    return text.line(found[0], f"{name}: Distribution")


def _component(fields: Mapping[str, str], name: str) -> str:
    return next((component_of(section) for section, file, _ in files.entries(fields, name) if _is_dsc(file)), "main")


def _is_dsc(name: str) -> bool:
    return name.endswith(".dsc")


def _check_file_names(changes: Changes) -> None:
    source, version = changes.source, names.without_epoch(changes.version)
    stem = f"{source}_{version}"
    if not changes.name.startswith(f"{stem}_"):
        raise Refusal("files", f"{changes.name}: is not named after the upload; its name must begin with {stem}_")
    if [ref.name for ref in changes.files if _is_dsc(ref.name)] != [f"{stem}.dsc"]:
        raise Refusal("files", f"{changes.name}: must name exactly one .dsc, {stem}.dsc")
    for ref in changes.files:
        known = files.is_orig(ref.name, source, changes.version) or files.is_packaging(
            ref.name, source, changes.version
        )
        buildinfo = ref.name.startswith(f"{stem}_") and ref.name.endswith(".buildinfo")
        if not (known or buildinfo or _is_dsc(ref.name)):
            raise Refusal("files", f"{changes.name}: {ref.name} is no file of a source upload of {source} {version}")
