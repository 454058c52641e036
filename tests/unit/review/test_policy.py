"""Every rule of the policy, and what a suite makes of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from review.evidence.trust import KINDS
from review.evidence.values import Consequences, Dependent, Difference, Evidence, Flaw, Sign, Tag, Trouble
from review.policy import judging
from review.policy.rules import RULES
from review.policy.values import Policy
from tests.unit.review.evidence import QUIET, of_what, of_who

CUT = Difference({}, {}, 1_000_000, whole=False, sha256=("", ""))
NEEDED = Consequences(("amd64",), {}, (Dependent("other", "other", "pkg-doc"),))
BROKEN: dict[str, tuple[Evidence, str]] = {
    "unpacks": (replace(QUIET, trouble=Trouble("device", "Cannot mknod")), "(device): Cannot mknod"),
    "too-long": (
        replace(QUIET, trouble=Trouble("too-long", "longer than 300 s"), difference=None),
        "longer than 300 s",
    ),
    "version-order": (of_what(version="1.0"), "1.0 is not higher than 1.0"),
    "signer": (of_who(key="it expired"), "it expired"),
    "epoch": (of_what(version="1:1.1"), "from 0 to 1"),
    "other-suites": (of_what(others={"stable": "2.0", "old": "0.1"}), "stable (2.0)"),
    "distribution": (of_what(changelog_distribution="UNRELEASED"), "is for UNRELEASED"),
    "size": (of_what(size=2 << 30), "2,147,483,648"),
    "upstream-signature": (of_what(upstream="bad: it was changed"), "bad: it was changed"),
    "new-source": (of_what(published=""), "nothing of pkg"),
    "new-packages": (of_what(added=("pkg-new",)), "pkg-new"),
    "dependents": (replace(QUIET, consequences=NEEDED), "other (needs pkg-doc)"),
    "missing-depends": (
        replace(QUIET, consequences=Consequences(("amd64",), {"amd64": "libx-dev"})),
        "libx-dev (amd64)",
    ),
    "cut-off": (replace(QUIET, difference=CUT), "1,000,000 lines"),
    "lintian-stopped": (replace(QUIET, lintian=(), lintian_trouble="lintian was stopped"), "was stopped"),
    "lintian-errors": (replace(QUIET, lintian=(Tag("E", "bad", "", new=True),)), "bad"),
    "lintian-warnings": (replace(QUIET, lintian=(Tag("W", "odd", "", new=True),)), "odd"),
    "lintian-information": (replace(QUIET, lintian=(Tag("I", "old", "", new=True),)), "old"),
    "lintian-pedantic": (replace(QUIET, lintian=(Tag("P", "fussy", "", new=True),)), "fussy"),
    "dropped-packages": (of_what(dropped=("pkg-doc",)), "pkg-doc"),
    "moved-packages": (of_what(moved=("pkg: misc -> net",)), "misc -> net"),
    "non-maintainer": (of_who(non_maintainer=True), "none of its maintainers"),
    "sponsored": (of_who(sponsored=True), "signed by"),
    "dsc": (replace(QUIET, flaws=(Flaw("no Homepage", "Policy 5.6.23"),)), "no Homepage (Policy 5.6.23)"),
    "rules-requires-root": (of_what(rules_requires_root=""), "Rules-Requires-Root"),
    **{
        kind: (replace(QUIET, signs=(Sign(kind, f"debian/{kind}", "it"),)), f"debian/{kind}")
        for kind in (*KINDS, "published")
    },
}


def test_in_a_quiet_update_there_is_nothing_to_find() -> None:
    judged = judging.judge(QUIET, Policy())

    assert (judged.findings, judged.mark) == ((), "green")


@pytest.mark.parametrize("rule", BROKEN)
def test_a_rule_finds_what_it_is_for_and_says_it(rule: str) -> None:
    evidence, words = BROKEN[rule]
    (found,) = judging.judge(evidence, Policy()).findings

    assert found.rule == rule
    assert words in found.text
    assert found.level == RULES[rule].level
    assert found.source


def test_a_section_is_forbidden_by_the_suite_alone() -> None:
    (found,) = judging.judge(QUIET, Policy(sections=("games", "mis*"))).findings

    assert (found.rule, found.level) == ("section", "reject")
    assert "pkg (misc)" in found.text


def test_every_rule_is_tested() -> None:
    assert {*BROKEN, "section", "lintian-tags"} == set(RULES)


def test_tags_of_lintian_reject_where_the_suite_names_them() -> None:
    """Also one that the published version has; but not one that the package overrides."""
    evidence = replace(QUIET, lintian=(Tag("W", "odd", "", new=False), Tag("O", "bad", "", new=True)))
    (found,) = judging.judge(evidence, Policy(lintian=("o*", "bad"))).findings

    assert (found.rule, found.level, found.text) == ("lintian-tags", "reject", "lintian: odd")
    assert judging.judge(evidence, Policy()).findings == ()


def test_tags_of_lintian_that_the_published_version_has_do_not_count() -> None:
    known = replace(QUIET, lintian=(Tag("E", "bad", "", new=False),))

    assert judging.judge(known, Policy()).findings == ()


def test_where_lintian_cannot_be_had_nothing_is_said_of_each_upload() -> None:
    evidence = replace(QUIET, lintian_trouble="the sources of the base have no lintian")

    assert judging.judge(evidence, Policy()).findings == ()


def test_signs_of_one_kind_say_what_became_of_the_files() -> None:
    signs = [
        Sign("patch", f"debian/patches/{name}", became)
        for name, became in (("a", "added"), ("b", "removed"), ("c", "added"))
    ]
    (found,) = judging.judge(replace(QUIET, signs=(*signs, Sign("patch", "d", "odd"))), Policy()).findings

    assert found.text == "patches: added debian/patches/a, debian/patches/c; removed debian/patches/b; d"


def test_a_suite_moves_rules_between_levels_and_ignores_them() -> None:
    evidence = BROKEN["epoch"][0]

    assert judging.judge(evidence, Policy(reject=("epoch",))).mark == "red"
    assert judging.judge(evidence, Policy(hint=("epoch",))).mark == "green"
    assert judging.judge(evidence, Policy(ignore=("epoch",))).findings == ()


def test_the_gravest_comes_first() -> None:
    evidence = replace(of_who(sponsored=True), trouble=Trouble("patch", "no"), difference=None)

    assert [finding.level for finding in judging.judge(evidence, Policy()).findings] == ["reject", "hint"]


def test_a_good_signature_of_upstream_is_nothing_to_find() -> None:
    assert judging.judge(of_what(upstream="good: pkg_1.1.orig.tar.xz"), Policy()).findings == ()


def test_what_a_policy_calls_a_rule_and_is_none_is_named() -> None:
    assert judging.unknown(Policy(warn=("epoch", "epohc"))) == ["epohc"]


def ruled(evidence: Evidence, policy: Policy) -> str:
    ruling = judging.rule_on(judging.judge(evidence, policy), evidence, policy)
    return f"{ruling.verdict} by {ruling.by}" if ruling else ""


def test_a_malicious_source_is_rejected_by_the_rule_that_finds_it() -> None:
    evidence = BROKEN["unpacks"][0]

    assert ruled(evidence, Policy()) == "reject by rule:unpacks"
    assert ruled(evidence, Policy(auto_reject=False)) == ""
    assert ruled(evidence, Policy(warn=("unpacks",))) == ""


class TestAcceptedByRule:
    TRUSTED = Policy(auto_accept="no-warnings", accept_uploaders=("ulla",))

    def test_nothing_is_by_default(self) -> None:
        assert ruled(QUIET, Policy()) == ""
        assert ruled(QUIET, Policy(auto_accept="no-warnings")) == ""

    def test_a_quiet_update_of_who_is_named_is(self) -> None:
        assert ruled(QUIET, self.TRUSTED) == "accept by rule:auto-accept-no-warnings"
        assert ruled(of_who(signer_name="otto"), self.TRUSTED) == ""

    def test_the_account_that_carried_it_does_not_count(self) -> None:
        assert ruled(of_who(signer_name="otto", uploader="ulla"), self.TRUSTED) == ""

    @pytest.mark.parametrize("rule", [name for name, one in RULES.items() if one.level == "warn"])
    def test_a_warning_is_for_a_person(self, rule: str) -> None:
        assert ruled(BROKEN[rule][0], self.TRUSTED) == ""

    def test_a_hint_is_no_warning(self) -> None:
        hinted = BROKEN["non-maintainer"][0]

        assert ruled(hinted, self.TRUSTED)
        assert ruled(hinted, replace(self.TRUSTED, auto_accept="no-findings")) == ""

    def test_only_sources_that_are_named(self) -> None:
        assert ruled(QUIET, replace(self.TRUSTED, accept_sources=("lib*",))) == ""

    def test_a_new_source_only_where_the_suite_says_so(self) -> None:
        new = of_what(published="")
        lenient = replace(self.TRUSTED, ignore=("new-source",))

        assert ruled(new, lenient) == ""
        assert ruled(new, replace(lenient, accept_new=True))
