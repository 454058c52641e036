"""What two .dsc say of the binary packages they make and of what they need: added, dropped, moved. Pure.

Source: dsc(5), Package-List and Build-Depends; Policy 7.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from review.evidence.values import Binary

NEEDED = ("Build-Depends", "Build-Depends-Arch", "Build-Depends-Indep")
NEEDS = (*NEEDED, "Build-Conflicts")


def binaries(fields: Mapping[str, str]) -> tuple[Binary, ...]:
    """Read the binary packages of a .dsc, or of a stanza of Sources; a line that is none is passed over."""
    lines = [line.split() for line in fields.get("Package-List", "").splitlines()]
    found = [_binary(words) for words in lines if len(words) >= 4]
    names = fields.get("Binary", "").replace(",", " ").split()
    return tuple(found) or tuple(Binary(name, "", "", ()) for name in names)


def _binary(words: list[str]) -> Binary:
    options = dict(word.partition("=")[::2] for word in words[4:])
    return Binary(words[0], words[2], words[3], tuple(filter(None, options.get("arch", "").split(","))))


def added(old: Sequence[Binary], new: Sequence[Binary]) -> tuple[str, ...]:
    """Name the packages of the second list that the first does not have; the other way round, those dropped."""
    known = {one.name for one in old}
    return tuple(one.name for one in new if one.name not in known)


def moved(old: Sequence[Binary], new: Sequence[Binary]) -> tuple[str, ...]:
    """Say which packages have another section or priority than before."""
    before = {one.name: one for one in old}
    return tuple(f"{one.name}: {was} -> {now}" for one in new for was, now in _changes(before.get(one.name), one))


def _changes(old: Binary | None, new: Binary) -> list[tuple[str, str]]:
    if old is None:
        return []
    pairs = [(old.section, new.section), (old.priority, new.priority)]
    return [(was, now) for was, now in pairs if was != now and was]


def depends(fields: Mapping[str, str]) -> tuple[str, ...]:
    """Give the build dependencies and conflicts of a .dsc, each as it stands there, conflicts with their field."""
    found: dict[str, None] = {}
    for field in NEEDS:
        mark = "conflicts with " if field == "Build-Conflicts" else ""
        words = (" ".join(one.split()) for one in fields.get(field, "").split(","))
        found.update(dict.fromkeys(f"{mark}{one}" for one in words if one))
    return tuple(found)


def without(these: Sequence[str], those: Sequence[str]) -> tuple[str, ...]:
    """Give what is in the first list and not in the second."""
    return tuple(one for one in these if one not in {*those})
