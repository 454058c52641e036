"""What a file of a source is, by its name alone: packaging, upstream's own, made by a tool, or from elsewhere."""

from __future__ import annotations

import re

from review.evidence.values import Kind

PACKAGING = "debian/"
_GENERATED = re.compile(
    r"(?:^|/)(?:configure|config\.(?:guess|sub|h\.in)|aclocal\.m4|ltmain\.sh|install-sh|depcomp|missing|compile|"
    r"Makefile\.in|libtool\.m4|lt[a-z~]+\.m4|package-lock\.json|yarn\.lock|Cargo\.lock|go\.sum|poetry\.lock)$"
    r"|\.(?:po|pot|min\.js|min\.css|map|svg|ts\.snap)$|(?:^|/)autom4te\.cache/|_pb2\.py$|\.pb\.(?:go|cc|h)$"
)
_VENDORED = re.compile(r"(?:^|/)(?:vendor|vendored|third[-_]party|3rdparty|node_modules|bundled|external)/")
_PROGRAM = re.compile(r"\.(?:so(?:\.[0-9.]+)?|a|o|obj|dll|exe|jar|class|pyc|wasm|deb|rpm|whl|apk|elf|ko|dylib|swf)$")
_ARCHIVE = re.compile(r"\.(?:tar|tgz|txz|zip|7z|gz|xz|bz2|zst|lzma)$")


def kind(path: str, *, binary: bool) -> Kind:
    """Say what kind of file a path is; `binary`: diff(1) found no text in it."""
    if path.startswith(PACKAGING):
        return "packaging"
    if binary:
        return "binary"
    return "generated" if _GENERATED.search(path) else "upstream"


def is_vendored(path: str) -> bool:
    """Say whether a path is where others' code is commonly kept."""
    return bool(_VENDORED.search(path))


def is_program(path: str) -> bool:
    """Say whether a name is that of something compiled, or a package of such."""
    return bool(_PROGRAM.search(path))


def is_archive(path: str) -> bool:
    """Say whether a name is that of an archive, which hides what is in it from a diff."""
    return bool(_ARCHIVE.search(path))
