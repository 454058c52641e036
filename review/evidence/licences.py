"""Licences: what debian/copyright says of the files of a source, against them and against the published version. Pure.

Nothing here judges a licence: it says what changed, which files nothing is said of, and where a file says otherwise.
Source: copyright-format 1.0; SPDX License List.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from queues import control
from review.evidence import covering
from review.evidence.tree import Node
from review.evidence.values import Licences, Sign

FILE = "debian/copyright"
MOST = 20  # paths that are kept of each list
_BREAKS = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # that are no ends of lines here
_LONGEST = 200  # characters of the name of a licence
_FORMS = ("format", "format-specification")
_WORDS = re.compile(r"[^\s,()/]+")
_SAME = {"mit": "expat", "cc0-1": "cc0"}
_NO_LICENCES = ("and", "or", "with", "exception")


class Stanza(Struct, frozen=True):
    """What is said of some files: their patterns, and the short name of the licence."""

    patterns: tuple[str, ...]
    licence: str


class Copyright(Struct, frozen=True):
    """A debian/copyright that was read. `texts` are those of licences, by name; `problem` says why there is nothing."""

    stanzas: tuple[Stanza, ...] = ()
    texts: Mapping[str, str] = {}
    problem: str = ""


def read(text: str) -> Copyright:
    """Read a debian/copyright."""
    if not text.strip():
        return Copyright(problem="there is no debian/copyright")
    try:
        found = [_lowered(one) for one in control.paragraphs(_BREAKS.sub(" ", text).encode(errors="replace"))]
    except control.Malformed as error:
        return Copyright(problem=f"debian/copyright is not machine-readable: {error}")
    if not any(name in found[0] for name in _FORMS):
        return Copyright(problem="debian/copyright is not machine-readable: it names no Format")
    texts = {_name(one): " ".join(_body(one).split()) for one in found if _body(one)}
    stanzas = [Stanza(tuple(one["files"].split()), _name(one)) for one in found if "files" in one]
    return Copyright(tuple(stanzas), texts, "" if stanzas else "debian/copyright speaks of no files")


def compare(
    before: str, now: str, old: Mapping[str, Node], new: Mapping[str, Node], named: Mapping[str, str]
) -> Licences:
    """Compare two debian/copyright, of which the first may be empty, and the files of both versions.

    `named` are the licences that files of the new one name themselves (SPDX), by path.
    """
    ours, theirs = read(now), read(before)
    try:
        of, was = _declared(ours, new), _declared(theirs, old)
    except covering.TooMuch:
        return Licences(
            problem="debian/copyright has too many patterns for so many files: it was not compared with them"
        )
    is_known = not theirs.problem
    names, known = {one.licence for one in ours.stanzas}, {one.licence for one in theirs.stanzas}
    return Licences(
        problem=ours.problem,
        files=dict(Counter(of.values()).most_common(MOST)),
        added=_some(names - known) if is_known else (),
        dropped=_some(known - names) if not ours.problem else (),
        texts=_some([name for name, text in ours.texts.items() if theirs.texts.get(name, text) != text]),
        uncovered=() if ours.problem else _some([path for path in _works(new) if path not in of]),
        changed=_some([f"{path}: {was[path]} -> {now}" for path, now in of.items() if was.get(path, now) != now]),
        contradicted=_some(
            [
                f"{path}: {of[path]}, and the file says {said}"
                for path, said in named.items()
                if _is_other(said, of.get(path))
            ]
        ),
    )


def signs(found: Licences) -> Iterator[Sign]:
    """Give what is worth a look."""
    if found.problem:
        yield Sign("licence", FILE, found.problem)
    for title, names in (
        ("new licence", found.added),
        ("licence gone", found.dropped),
        ("another text of the licence", found.texts),
        ("nothing is said of", found.uncovered),
        ("another licence is declared for", found.changed),
        ("declared otherwise than in the file", found.contradicted),
    ):
        yield from (Sign("licence", FILE, f"{title}: {name}") for name in names)


def named(listing: bytes) -> dict[str, str]:
    """Read `PATH NUL SPDX-License-Identifier: NAME` by lines, as grep(1) writes them; what is none is passed over."""
    found = {}
    for line in listing.splitlines():
        path, nul, said = line.partition(b"\0")
        name = said.partition(b":")[2].decode(errors="replace").strip(" \t*/-<>#;\"'")
        if nul and name:
            found[path.partition(b"/")[2].decode(errors="replace")] = name[:_LONGEST]
    return found


def _declared(one: Copyright, files: Mapping[str, Node]) -> dict[str, str]:
    patterns = [stanza.patterns for stanza in one.stanzas]
    found = covering.covered(_works(files), patterns)
    return {path: one.stanzas[found[path]].licence for path in _works(files) if path in found}


def _works(files: Mapping[str, Node]) -> list[str]:
    return [path for path, node in files.items() if node.type == "f" and node.size and path != FILE]


def _is_other(said: str, declared: str | None) -> bool:
    """Say whether a file names a licence of which the declared one has no word."""
    return declared is not None and not {*_words(said)} & {*_words(declared)}


def _words(name: str) -> Iterator[str]:
    """Give the licences in a name as they are called in both worlds: GPL-2.0-or-later is GPL-2+."""
    for word in _WORDS.findall(name.lower()):
        plain = word.removesuffix("-only").replace("-or-later", "+").replace(".0", "")
        if plain not in _NO_LICENCES:
            yield _SAME.get(plain, plain)


def _some(names: Collection[str]) -> tuple[str, ...]:
    more = len(names) - MOST
    return (*(name[: 2 * _LONGEST] for name in sorted(names)[:MOST]), *([f"{more} more"] if more > 0 else []))


def _lowered(stanza: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in stanza.items()}


def _name(stanza: Mapping[str, str]) -> str:
    return " ".join(stanza.get("license", "").partition("\n")[0].split())[:_LONGEST] or "(no name)"


def _body(stanza: Mapping[str, str]) -> str:
    return stanza.get("license", "").partition("\n")[2]
