"""Judging an upload's evidence by a suite's policy: findings, and whether a rule decides without a person. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase

from review.evidence.values import Evidence
from review.policy.rules import RULES
from review.policy.values import Finding, Judgement, Level, Policy, Ruling

_GRAVITY: tuple[Level, ...] = ("reject", "warn", "hint")


def judge(evidence: Evidence, policy: Policy) -> Judgement:
    """Let every rule that counts in the suite look."""
    found = []
    for name, rule in RULES.items():
        level = level_of(name, policy)
        text = rule.check(evidence, policy) if level else ""
        if level and text:
            found.append(Finding(name, level, text, rule.source))
    return Judgement(tuple(sorted(found, key=lambda finding: _GRAVITY.index(finding.level))))


def level_of(name: str, policy: Policy) -> Level | None:
    """Give the level of a rule in a suite; None when it does not count there."""
    if name in policy.ignore:
        return None
    for level in _GRAVITY:
        if name in getattr(policy, level):
            return level
    return RULES[name].level


def unknown(policy: Policy) -> list[str]:
    """Name what a policy takes for rules and is none."""
    return sorted({*policy.reject, *policy.warn, *policy.hint, *policy.ignore} - RULES.keys())


def rule_on(judgement: Judgement, evidence: Evidence, policy: Policy) -> Ruling | None:
    """Say what the rules decide by themselves; None: a person decides."""
    grave = next((finding for finding in judgement.findings if finding.level == "reject"), None)
    if grave is not None:
        return Ruling("reject", grave.rule, grave.text) if policy.auto_reject else None
    if _may_be_accepted(judgement, evidence, policy):
        return Ruling("accept", f"auto-accept-{policy.auto_accept}", "the suite's policy accepts it")
    return None


def _may_be_accepted(judgement: Judgement, evidence: Evidence, policy: Policy) -> bool:
    levels = {finding.level for finding in judgement.findings}
    quiet = {"never": False, "no-warnings": "warn" not in levels, "no-findings": not levels}[policy.auto_accept]
    named = evidence.who.signer_name in policy.accept_uploaders
    source = any(fnmatchcase(evidence.what.source, glob) for glob in policy.accept_sources)
    trusted = evidence.who.key == "good" and evidence.trouble is None and not evidence.who.sponsored
    return quiet and named and source and trusted and bool(evidence.what.published or policy.accept_new)
