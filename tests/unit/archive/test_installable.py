"""What a report of dose-debcheck says of packages that cannot be installed, and what follows."""

from __future__ import annotations

from archive import installable, stanzas
from archive.inclusion import Built
from archive.installable import Found, Verdict
from archive.stanzas import Stanza
from queues.values import Suite

REPORT = """output-version: 1.2
native-architecture: amd64
report:
 -
  package: user
  version: 1.0
  architecture: amd64
  status: broken
  reasons:
   -
    missing:
     pkg:
      package: lost
      version: 2
      architecture: amd64
      unsat-dependency: nowhere:amd64 (>= 3) | other:amd64
     depchains:
      -
       depchain:
        -
         package: user
         version: 1.0
         architecture: amd64
         depends: lost:amd64
 -
  package: tiny
  version: 1.0
  architecture: amd64
  status: broken
  reasons:
   -
    conflict:
     pkg1:
      package: a
      version: 1
      architecture: amd64
      unsat-conflict: b:amd64
     pkg2:
      package: b
      version: 1
      architecture: amd64

background-packages: 3
foreground-packages: 2
total-packages: 5
broken-packages: 2
"""


def stanza(package: str, architecture: str = "amd64") -> Stanza:
    fields = {"Package": package, "Version": "1.0", "Architecture": architecture, "Description": "tiny"}
    return stanzas.binary(fields, f"pool/{package}.deb", 1, "0" * 64)


def test_a_report_is_read() -> None:
    assert installable.read(REPORT) == (
        "user 1.0 needs what nothing has: nowhere:amd64 (>= 3) | other:amd64, a dependency of lost 2",
        "tiny 1.0 needs what cannot be together: a 1 and b 1",
    )
    assert installable.read("output-version: 1.2\nbackground-packages: 3\nbroken-packages: 0\n") == ()


def test_what_is_checked_where() -> None:
    suite = Suite("demo", architectures=("amd64", "arm64"))
    both = Built("demo", "main", stanza("doc", "all"))
    one, debug = Built("demo", "main", stanza("tiny", "arm64")), Built("demo-debug", "main", stanza("tiny-dbgsym"))
    assert installable.architectures(suite, [both]) == ["amd64"]
    assert installable.architectures(suite, [both, one, debug]) == ["arm64"]
    assert installable.architectures(suite, [debug]) == []
    checked = installable.foreground(suite, [both, one, debug], "arm64")
    assert [line for line in checked.splitlines() if line.startswith(b"Package")] == [b"Package: doc", b"Package: tiny"]


def test_what_is_replaced_is_not_there_any_more() -> None:
    found = installable.without([stanza(name).text + b"\n" for name in ("a", "b", "c")], {b"b"})
    assert [line for line in found.splitlines() if line.startswith(b"Package")] == [b"Package: a", b"Package: c"]


def test_the_suites_rule_decides() -> None:
    broken = Found(tuple(f"p{number} needs q" for number in range(7)))
    means = "cannot be installed: p0 needs q; p1 needs q; p2 needs q; p3 needs q; p4 needs q; and 2 more"
    assert installable.decide("hold", broken) == Verdict(objection=means)
    assert installable.decide("warn", broken) == Verdict(note=means)
    assert installable.decide("hold", Found()) == Verdict()
    unchecked = installable.decide("hold", Found(unchecked="no tool"))
    assert unchecked == Verdict(note="whether it can be installed was not checked: no tool")
