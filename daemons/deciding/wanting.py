"""What a build of a source makes, and what it wants to be there: read from the .dsc alone. Pure."""

from __future__ import annotations

from functools import lru_cache

from archive import dscfile
from queues import control
from review.inspection import dsc

ALL = "all"


@lru_cache(maxsize=1024)
def made(data: bytes, name: str, architecture: str) -> frozenset[str]:
    """Name the packages that an architecture's build makes. Raises Refusal."""
    return frozenset(one.name for one in dsc.read(data, name).packages if _is_made(one.architectures, architecture))


@lru_cache(maxsize=1024)
def wanted(data: bytes, architecture: str) -> frozenset[str]:
    """Name the packages in the build dependencies of a `-B` or, for `all`, a `-A` build, whatever the conditions.

    Raises NotADsc, Malformed.
    """
    fields = {field.lower(): value for field, value in control.paragraph(dscfile.paragraph(data)).items()}
    own = "build-depends-indep" if architecture == ALL else "build-depends-arch"
    said = [value for name in ("build-depends", own) if (value := fields.get(name, "").strip())]
    groups = [group for field in said for group in control.relations(field)]
    return frozenset(str(choice["name"]) for group in groups for choice in group)


def _is_made(said: tuple[str, ...], architecture: str) -> bool:
    """Say whether a package is of an architecture's build; one whose .dsc says nothing may be of each."""
    return not said or (ALL in said if architecture == ALL else said != (ALL,))
