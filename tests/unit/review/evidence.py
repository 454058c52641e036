"""Evidence for tests of the policy: of an update in which there is nothing to find."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from queues.names import upload_key
from review.evidence.values import Binary, Consequences, Difference, Evidence, What, Who

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_ULLA = "Ulla <ulla@example.org>"
_WHO = Who("ulla", "F" * 40, _ULLA, "good", _ULLA, _ULLA, non_maintainer=False, sponsored=False, signer_name="ulla")
_WHAT = What(
    source="pkg",
    version="1.1",
    published="1.0",
    suite="demo",
    distribution="demo",
    component="main",
    format="3.0 (quilt)",
    urgency="medium",
    closes=(),
    changelog="pkg (1.1) demo; urgency=medium",
    changelog_distribution="demo",
    binaries=(Binary("pkg", "misc", "optional", ("any",)),),
    added=(),
    dropped=(),
    moved=(),
    depends_added=(),
    depends_dropped=(),
    size=1000,
    rules_requires_root="no",
)
QUIET = Evidence(
    upload=upload_key("pkg", "1.1", "0" * 64),
    gathered=NOW,
    environment="bookworm-amd64-0123456789ab",
    who=_WHO,
    what=_WHAT,
    difference=Difference({}, {}, 10, whole=True, sha256=("", "")),
    signs=(),
    lintian=None,
    consequences=Consequences(("amd64",)),
)


def of_who(**changes: Any) -> Evidence:
    """Give the quiet evidence with something else about the people."""
    return replace(QUIET, who=replace(QUIET.who, **changes))


def of_what(**changes: Any) -> Evidence:
    """Give the quiet evidence with something else in the upload."""
    return replace(QUIET, what=replace(QUIET.what, **changes))
