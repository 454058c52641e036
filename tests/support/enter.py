"""A program: run the shell script on standard input as root of a fresh system over the base that is named.

Run with `python -P` by the Python in which debmill is installed; it becomes the service account, which alone may enter
a base, after it was read, so it may lie where that account cannot go.
"""

import sys
from pathlib import Path

from daemons import account
from daemons.building.bases import base
from daemons.building.environment import Limits
from daemons.building.roots.overlay import Overlay


def main() -> None:
    """Enter, run, and end with the script's status."""
    account.give_up_root()
    with Overlay(base.at(Path(sys.argv[1]))) as system, open(1, "wb", closefd=False) as said:
        ended = system.administer(["sh", "-c", sys.stdin.read()], log=said, limits=Limits(seconds=900))
    sys.exit(ended.status if ended.how == "itself" else 1)


if __name__ == "__main__":
    main()
