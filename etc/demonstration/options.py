"""The demo's options, and its steps as `--help` tells them. Standard library only: nothing is installed yet."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from etc.demonstration.steps import STEPS

FAILED = 10  # the exit status is this plus the number of the step whose check failed


class Options(argparse.Namespace):
    """What was asked for."""

    site: Path
    keep: bool
    plain: bool


def parse(words: Sequence[str]) -> Options:
    """Read the options; wrong ones end the program with status 2."""
    parser = argparse.ArgumentParser(
        prog="etc/demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Real Debian packages travel from dput to apt install through a site of debmill.\n\n" + _steps(),
        epilog="Exit status: 0 when every check held, 2 for wrong options, 1 when the machine could not be set up, "
        f"{FAILED} + N\nwhen the check of step N did not hold.",
    )
    default = Path(__file__).resolve().parents[2] / ".demo"
    parser.add_argument("--site", type=Path, default=default, metavar="DIR", help="the site to make (.demo)")
    parser.add_argument("--keep", action="store_true", help="let the site go on running, and say how to look around")
    parser.add_argument("--plain", action="store_true", help="plain lines, also on a terminal")
    return parser.parse_args(words, Options())


def _steps() -> str:
    lines = []
    for number, step in enumerate(STEPS, 1):
        title, check = (step.__doc__ or "").split("\n", 1)
        lines.append(f"{number:3}. {title}")
        lines += [f"       {line.strip()}" for line in check.strip().splitlines()]
    return "\n".join(lines)
