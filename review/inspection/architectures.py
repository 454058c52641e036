"""For which architectures a source is built: its own words, matched with the suite's by dpkg's tables.

Source: dsc(5), Architecture and Package-List; Policy 11.1 (wildcards).
"""

from __future__ import annotations

from queues import control
from queues.values import Suite
from review.inspection.dsc import Dsc
from review.refusal import Refusal

ALL = "all"


def plan(dsc: Dsc, suite: Suite) -> tuple[str, ...]:
    """Name the architectures to build, in the suite's order, `all` last. Raises Refusal when there is none."""
    wanted = {word for package in dsc.packages for word in package.architectures} or set(dsc.architectures)
    native = [name for name in suite.architectures if any(_means(name, word) for word in wanted)]
    planned = (*native, ALL) if ALL in wanted else tuple(native)
    if not planned:
        has, said = ", ".join(suite.architectures), " ".join(sorted(wanted))[:120] or "nothing"
        raise Refusal(
            "architectures", f"{dsc.name} builds for {said}, the suite {suite.name} for {has}: nothing to build"
        )
    return planned


def dependent(planned: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out `all`: the architectures whose success can meet a gate that `all` alone does not."""
    return tuple(name for name in planned if name != ALL)


def _means(architecture: str, word: str) -> bool:
    return word not in (ALL, "source") and control.matches(architecture, word)
