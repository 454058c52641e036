"""What apt's words mean for a build; each text is what apt 2.6 or 3.0 really prints."""

from __future__ import annotations

import pytest

from daemons.building.environment import DepWait, Unavailable
from daemons.building.layers.dependencies import build_dep, missing, not_installed, unresolved

PREAMBLE = """\
Reading package lists...
Some packages could not be installed. This may mean that you have
requested an impossible situation or if you are using the unstable
distribution that some required packages have not yet been created
or been moved out of Incoming.
The following information may help to resolve the situation:

The following packages have unmet dependencies:
"""
END = "E: Unable to correct problems, you have held broken packages.\n"

CASES = {
    " builddeps:/build/x.dsc : Depends: nosuch-dev but it is not installable\n": "nosuch-dev",
    " builddeps:/build/x.dsc : Depends: debhelper (>= 99) but it is not going to be installed\n": "debhelper (>= 99)",
    " builddeps:/build/x.dsc : Depends: a but it is not installable or\n"
    "                                  b but it is not installable\n"
    "                         Depends: c (>= 9) but 8 is to be installed\n": "a | b, c (>= 9)",
    " builddeps:/build/x.dsc : Depends: python3:any (>= 4)\n": "python3:any (>= 4)",
    " builddeps:/build/x.dsc : Depends: hello:i386 but it is not installable\n": "hello:i386",
    " builddeps:/build/x.dsc : Conflicts: gcc but 12.2 is to be installed\n": "conflict with gcc",
    " builddeps:/build/x.dsc : Depends: libfoo-dev but it is not going to be installed\n"
    " libbar1 : Depends: libbaz1 but it is not installable\n": "libfoo-dev",
}


@pytest.mark.parametrize("block", CASES)
def test_what_is_missing_is_named_as_the_source_names_it(block: str) -> None:
    assert missing(PREAMBLE + block + END) == CASES[block]
    assert unresolved(PREAMBLE + block + END) == DepWait(CASES[block])


def test_the_newer_solver_is_understood() -> None:
    said = (
        "Solving dependencies...\nUnsatisfied dependencies:\n"
        " builddeps:/build/x.dsc : Depends: nosuch-dev but it is not installable\n"
        "Error: Unable to satisfy dependencies. Reached two conflicting assignments:\n"
    )
    assert missing(said) == "nosuch-dev"


def test_a_package_that_cannot_be_configured_is_missing_too() -> None:
    said = "dpkg: error processing package x\nErrors were encountered while processing:\n x\n y\nE: Sub-process\n"
    assert not_installed(said) == DepWait("x, y (it cannot be configured)")


def test_a_full_disk_is_nobodys_missing_dependency() -> None:
    said = (
        "dpkg: error processing archive x.deb (--unpack):\n cannot copy: failed to write (No space left on device)\n"
        "Errors were encountered while processing:\n x.deb\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n"
    )
    assert not_installed(said) == Unavailable("the build dependencies could not be installed: No space left on device")


def test_a_mirror_that_fails_is_nobodys_missing_dependency() -> None:
    said = "Err:1 http://x bookworm/main amd64 y\n  404\nE: Failed to fetch http://x/y.deb\nE: Unable to fetch\n"
    assert not_installed(said) == Unavailable("Unable to fetch")
    assert unresolved("E: The package lists could not be read\n") == Unavailable("The package lists could not be read")


def test_each_kind_of_build_asks_for_its_own_dependencies() -> None:
    assert "--arch-only" in build_dep("arch")
    assert "--indep-only" in build_dep("indep")
    assert "--print-uris" in build_dep("indep", choosing=True)
    assert "--build-profiles=nocheck,nodoc" in build_dep("arch", ("nocheck", "nodoc"))
