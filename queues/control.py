"""Control files: paragraphs of fields, read by python-debian.

The only module that knows the library. Input is bytes that were checked already (rule 1: what the verifier returned,
never the file again). Bulk index text is not read here: it stays bytes.
"""

from __future__ import annotations

from typing import Any

from debian import deb822
from debian.debian_support import DpkgArchTable, Version

_TABLE: DpkgArchTable | None = None


class Malformed(ValueError):
    """Text that is not one well-formed paragraph."""


def paragraphs(text: bytes) -> list[dict[str, str]]:
    """Read paragraphs (Policy 5.1); field names keep their case.

    Raises Malformed on bad UTF-8, a repeated field, or what only some readers take for the end of a line.
    """
    result = []
    for block in _blocks(text):
        _check_fields(block)
        result.append(dict(deb822.Deb822(block)))
    return result


def paragraph(text: bytes) -> dict[str, str]:
    """Read exactly one paragraph. Raises Malformed."""
    found = paragraphs(text)
    if len(found) != 1:
        raise Malformed(f"{len(found)} paragraphs where one is expected")
    return found[0]


def compare(left: str, right: str) -> int:
    """Compare two versions (Policy 5.6.12): negative, zero or positive."""
    a, b = Version(left), Version(right)
    return int(a > b) - int(a < b)


def matches(architecture: str, wildcard: str) -> bool:
    """Say whether an architecture is meant by a wildcard (`any`, `linux-any`, `any-i386`), by dpkg's own tables."""
    global _TABLE  # noqa: PLW0603 -- dpkg's tables are read once
    if _TABLE is None:
        _TABLE = DpkgArchTable.load_arch_table()
    return bool(_TABLE.matches_architecture(architecture, wildcard))


def relations(field: str) -> list[list[dict[str, Any]]]:
    """Read a relationship field (Policy 7.1): alternatives of `name`, `version`, `arch`, `restrictions`."""
    return [[dict(choice) for choice in group] for group in deb822.PkgRelation.parse_relations(field)]


def _blocks(text: bytes) -> list[str]:
    try:
        lines = text.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed(f"byte {error.start} is not UTF-8") from None
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return ["\n".join(block) + "\n" for block in blocks if block]


def _check_fields(block: str) -> None:
    if len(block.splitlines()) != block.count("\n"):  # python-debian would see other fields than dpkg
        raise Malformed("a line is broken by something else than a newline")
    seen: set[str] = set()
    for line in block.splitlines():
        if line[0] in " \t#":
            continue
        name, colon, _ = line.partition(":")
        if not colon or not name or not name.isascii() or " " in name:
            raise Malformed(f"not a field: {line[:60]!r}")
        if name.lower() in seen:
            raise Malformed(f"the field {name} stands twice")
        seen.add(name.lower())
