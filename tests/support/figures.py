"""Figures of the benchmarks: a measured value, what it is to be at most, and the table of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import NamedTuple


class Figure(NamedTuple):
    """One line of the table; lower is better."""

    what: str
    value: float
    unit: str
    target: float

    @property
    def met(self) -> bool:
        """Say whether the target was met."""
        return self.value <= self.target

    def line(self) -> str:
        """Write it for people."""
        verdict = "met" if self.met else "MISSED"
        return f"{self.what:<78} {self.value:9.2f} {self.unit:<5} at most {self.target:>5g}   {verdict}"


def printed(figures: Iterable[Figure]) -> int:
    """Print each figure as soon as it is there, or all as JSON with `--json`; gives the exit status."""
    found, as_json = [], "--json" in sys.argv
    for one in figures:
        found.append(one)
        if not as_json:
            sys.stdout.write(f"{one.line()}\n")
            sys.stdout.flush()
    if as_json:
        sys.stdout.write(json.dumps([{**one._asdict(), "met": one.met} for one in found], indent=1) + "\n")
    return 0 if all(one.met for one in found) else 1
