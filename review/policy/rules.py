"""The rules: each looks at the evidence and says in one sentence what it found, or nothing. Pure.

The table gives each its name, its level and where it comes from; a suite's policy may move it to another level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import get_args

from msgspec import Struct

from queues import control
from review.evidence import trust, upstream
from review.evidence.values import Change, Evidence
from review.policy.values import Level, Policy

Check = Callable[[Evidence, Policy], str]
SLOW = "too-long"
_SHOWN = 5  # names in a sentence


class Rule(Struct, frozen=True):
    """A rule: `source` is the section of the policy or the manual page it comes from."""

    level: Level
    source: str
    check: Check


def unpacks(evidence: Evidence, _: Policy) -> str:
    """Say why a source cannot be unpacked in the sandbox."""
    trouble = evidence.trouble
    return f"it cannot be unpacked ({trouble.rule}): {trouble.words}" if trouble and trouble.rule != SLOW else ""


def too_long(evidence: Evidence, _: Policy) -> str:
    """Say that the sandbox had no time to look into it, which a busy machine can cause."""
    return evidence.trouble.words if evidence.trouble and evidence.trouble.rule == SLOW else ""


def signer(evidence: Evidence, _: Policy) -> str:
    """Say why the signer's word does not count now."""
    return "" if evidence.who.key == "good" else evidence.who.key


def version_order(evidence: Evidence, _: Policy) -> str:
    """Say that a version is not higher than the published one."""
    what = evidence.what
    if what.published and control.compare(what.version, what.published) <= 0:
        return f"{what.version} is not higher than {what.published}, which {what.suite} holds"
    return ""


def epoch(evidence: Evidence, _: Policy) -> str:
    """Say that the epoch is another than before: it can never go back."""
    before, now = _epoch(evidence.what.published), _epoch(evidence.what.version)
    return f"the epoch goes from {before} to {now}" if evidence.what.published and before != now else ""


def other_suites(evidence: Evidence, _: Policy) -> str:
    """Say in which other suites the version is higher."""
    what = evidence.what
    higher = [
        f"{suite} ({version})" for suite, version in what.others.items() if control.compare(version, what.version) > 0
    ]
    return f"a higher version is in {_some(higher)}" if higher else ""


def distribution(evidence: Evidence, _: Policy) -> str:
    """Say that the changelog names another distribution than the .changes."""
    what = evidence.what
    named = what.changelog_distribution
    if named and what.distribution not in named.split():
        return f"debian/changelog is for {named}, the .changes for {what.distribution}"
    return ""


def size(evidence: Evidence, policy: Policy) -> str:
    """Say that the files are larger than is usual."""
    found = evidence.what.size
    return f"its files have {found:,} bytes, more than {policy.largest:,}" if found > policy.largest else ""


def section(evidence: Evidence, policy: Policy) -> str:
    """Say which packages are in a section that is forbidden."""
    wrong = [f"{one.name} ({one.section})" for one in evidence.what.binaries if policy.forbids(one.section)]
    return f"in a section that is forbidden here: {_some(wrong)}" if wrong else ""


def new_source(evidence: Evidence, _: Policy) -> str:
    """Say that the suite has nothing of this source."""
    return "" if evidence.what.published else f"{evidence.what.suite} holds nothing of {evidence.what.source} yet"


def new_packages(evidence: Evidence, _: Policy) -> str:
    """Say which binary packages are new."""
    return f"new packages: {_some(evidence.what.added)}" if evidence.what.added else ""


def moved_packages(evidence: Evidence, _: Policy) -> str:
    """Say which packages change section or priority."""
    return f"section or priority changes: {_some(evidence.what.moved)}" if evidence.what.moved else ""


def dropped_packages(evidence: Evidence, _: Policy) -> str:
    """Say which binary packages are dropped."""
    return f"packages dropped: {_some(evidence.what.dropped)}" if evidence.what.dropped else ""


def dependents(evidence: Evidence, _: Policy) -> str:
    """Say who needs a package that is dropped."""
    lost = [f"{one.package} (needs {one.needs})" for one in evidence.consequences.dependents]
    return f"what is dropped is needed by {_some(lost)}" if lost else ""


def missing_depends(evidence: Evidence, _: Policy) -> str:
    """Say which build dependencies cannot be had, where."""
    missing = [f"{name} ({architecture})" for architecture, name in evidence.consequences.missing.items()]
    return f"build dependencies that cannot be had: {_some(missing)}" if missing else ""


def cut_off(evidence: Evidence, _: Policy) -> str:
    """Say that not all of the difference can be seen."""
    seen = evidence.difference
    return f"the difference was cut off after {seen.lines:,} lines" if seen and not seen.whole else ""


def non_maintainer(evidence: Evidence, _: Policy) -> str:
    """Say that who changed it is none of its maintainers."""
    return f"{evidence.who.changed_by} is none of its maintainers" if evidence.who.non_maintainer else ""


def sponsored(evidence: Evidence, _: Policy) -> str:
    """Say that who signed it is not who changed it."""
    who = evidence.who
    return f"signed by {who.signed_by}, changed by {who.changed_by or who.maintainer}" if who.sponsored else ""


def upstream_signature(evidence: Evidence, _: Policy) -> str:
    """Say that upstream's signature is wrong, or not there though the package keeps upstream's key."""
    said = evidence.what.upstream
    return "" if said.startswith(upstream.GOOD) or not said else f"upstream's signature is {said}"


def flaws(evidence: Evidence, _: Policy) -> str:
    """Say what is odd about the .dsc."""
    found = [f"{one.words} ({one.source})" for one in evidence.flaws]
    return f"the .dsc: {_some(found)}" if found else ""


def rules_requires_root(evidence: Evidence, _: Policy) -> str:
    """Say that debian/control does not say whether root is needed."""
    missing = evidence.trouble is None and not evidence.what.rules_requires_root
    return "debian/control has no Rules-Requires-Root" if missing else ""


def lintian_tags(evidence: Evidence, policy: Policy) -> str:
    """Say which tags of lintian there are that the suite does not take, even if the published version has them."""
    found = dict.fromkeys(tag.name for tag in evidence.lintian or () if tag.level != "O" and policy.refuses(tag.name))
    return f"lintian: {_some(found)}" if found else ""


def lintian_stopped(evidence: Evidence, _: Policy) -> str:
    """Say why lintian, which was asked, did not say all: a source may be made so that it fails."""
    return evidence.lintian_trouble if evidence.lintian is not None else ""


def _lintian(levels: str) -> Check:
    def check(evidence: Evidence, _: Policy) -> str:
        names = dict.fromkeys(tag.name for tag in evidence.lintian or () if tag.new and tag.level in levels)
        return f"lintian: {_some(names)}" if names else ""

    return check


def _sign(kind: str) -> Check:
    def check(evidence: Evidence, _: Policy) -> str:
        found: dict[str, dict[str, None]] = {}
        for sign in evidence.signs:
            if sign.kind == kind:
                became = f"{sign.words} " if sign.words in get_args(Change) else ""
                found.setdefault(became, {})[sign.path or sign.words] = None
        parts = [f"{became}{_some(paths)}" for became, paths in found.items()]
        return f"{trust.KINDS.get(kind, kind)}: {'; '.join(parts)}" if parts else ""

    return check


def _some(names: Iterable[str]) -> str:
    found = [*names]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{', '.join(found[:_SHOWN])}{more}"


def _epoch(version: str) -> str:
    return version.partition(":")[0] if ":" in version else "0"


_GRAVE = ("setuid", "diversion", "network", "program", "upstream-key", "odd-name")  # signs that are worth a warning
RULES: dict[str, Rule] = {
    "unpacks": Rule("reject", "dpkg-source(1)", unpacks),
    "version-order": Rule("reject", "Policy 5.6.12", version_order),
    "section": Rule("reject", "Policy 2.4, and this suite's settings", section),
    "lintian-tags": Rule("reject", "lintian(1), and this suite's settings", lintian_tags),
    SLOW: Rule("warn", "this site's settings", too_long),
    "signer": Rule("warn", "the site's uploaders", signer),
    "epoch": Rule("warn", "Policy 5.6.12.1", epoch),
    "other-suites": Rule("warn", "Policy 5.6.12", other_suites),
    "distribution": Rule("warn", "Policy 4.4, deb-changelog(5)", distribution),
    "size": Rule("warn", "this suite's settings", size),
    "new-source": Rule("warn", "review", new_source),
    "new-packages": Rule("warn", "review", new_packages),
    "dependents": Rule("warn", "Policy 7.2", dependents),
    "missing-depends": Rule("warn", "Policy 7.7", missing_depends),
    "cut-off": Rule("warn", "review", cut_off),
    "upstream-signature": Rule("warn", "uscan(1)", upstream_signature),
    "lintian-stopped": Rule("warn", "lintian(1)", lintian_stopped),
    "lintian-errors": Rule("warn", "lintian(1)", _lintian("E")),
    "lintian-warnings": Rule("hint", "lintian(1)", _lintian("W")),
    "lintian-information": Rule("hint", "lintian(1)", _lintian("I")),
    "lintian-pedantic": Rule("hint", "lintian(1)", _lintian("PX")),
    "dropped-packages": Rule("hint", "review", dropped_packages),
    "moved-packages": Rule("hint", "Policy 2.4, 2.5", moved_packages),
    "non-maintainer": Rule("hint", "Developer's Reference 5.11", non_maintainer),
    "sponsored": Rule("hint", "Developer's Reference 7.5", sponsored),
    "dsc": Rule("hint", "dsc(5)", flaws),
    "rules-requires-root": Rule("hint", "Policy 5.6.31", rules_requires_root),
    **{kind: Rule("warn" if kind in _GRAVE else "hint", "review", _sign(kind)) for kind in (*trust.KINDS, "published")},
}
