"""The check of one build result by its own control fields, before anything of it is published. Pure.

A build can write any .deb into its .changes, also another package's; only what the accepted source declared passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from archive import stanzas
from queues.names import SOURCE, VERSION, without_epoch

_REQUIRED = ("Package", "Version", "Architecture", "Maintainer", "Description")
_ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]*")
DEBUG = "-dbgsym"
Fields = Mapping[str, str]


class Expected(NamedTuple):
    """What a result must be; `declared` are the packages that the .dsc declares, None when there is no .dsc."""

    source: str
    version: str
    architecture: str
    declared: frozenset[str] | None


def declared_by(dsc: Fields) -> frozenset[str]:
    """Name the binary packages that a .dsc declares (Package-List, or Binary in an older one)."""
    listed = [line.split()[0] for line in dsc.get("Package-List", "").splitlines() if line.strip()]
    return frozenset(listed or re.split(r"[\s,]+", dsc.get("Binary", "").strip()))


def objection(name: str, fields: Fields, expected: Expected) -> str:
    """Say why a .deb of this file name and these fields is no result of the job; empty when it is one."""
    malformed = _malformed(fields)
    if malformed:
        return f"{name}: {malformed}"
    found = (name, *stanzas.source_of(fields), fields["Architecture"])
    wanted = (file_name(fields), expected.source, expected.version, expected.architecture)
    for what, is_, must in zip(("file name", "source", "source version", "architecture"), found, wanted, strict=True):
        if is_ != must:
            return f"{name}: its {what} is {is_}, not {must}"
    if fields.get("Package-Type", "deb") != "deb":
        return f"{name}: Package-Type: {fields['Package-Type']} has no place in this archive"
    package = fields["Package"].removesuffix(DEBUG) if is_debug(fields) else fields["Package"]
    if expected.declared is not None and package not in expected.declared:
        return f"{name}: the source package does not declare {fields['Package']}"
    return ""


def is_debug(fields: Fields) -> bool:
    """Say whether a package holds the automatic debug symbols of another (`-dbgsym`)."""
    return fields.get("Auto-Built-Package") == "debug-symbols" and fields["Package"].endswith(DEBUG)


def file_name(fields: Fields) -> str:
    """Give the file name of a .deb with these fields; the epoch is in no file name."""
    return f"{fields['Package']}_{without_epoch(fields['Version'])}_{fields['Architecture']}.deb"


def component_of(section: str) -> str:
    """Give the component that a Section names (Policy 2.4): its prefix, or `main`."""
    return section.rpartition("/")[0] or "main"


def _malformed(fields: Fields) -> str:
    missing = [field for field in _REQUIRED if not fields.get(field)]
    if missing:
        return f"its control file has no {missing[0]}"
    for field, form in (("Package", SOURCE), ("Version", VERSION), ("Architecture", _ARCHITECTURE)):
        if not form.fullmatch(fields[field]):
            return f"{field}: {fields[field][:60]!r} is malformed"
    try:
        stanzas.source_of(fields)
    except stanzas.Malformed as error:
        return str(error)
    return ""
