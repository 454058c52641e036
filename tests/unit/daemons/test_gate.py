"""Rule 23: what becomes of an upload, decided from its plan and results alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daemons.deciding.gate import Abandon, Decision, Include, Wait, Withhold, decide, required
from queues.values import BuildResult, FileRef, Plan, Verdict
from tests.support.entries import job

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def results(**verdicts: Verdict) -> dict[str, BuildResult]:
    log = FileRef("log", 1, "0" * 64)
    return {
        name: BuildResult(job("pkg", "1", name), verdict, f"{verdict} there", "build", (), log, NOW, NOW)
        for name, verdict in verdicts.items()
    }


BOTH = Plan(("amd64", "i386"), "no-regression", required=("amd64",))
WITH_ALL = Plan(("amd64", "all"), "built")


@pytest.mark.parametrize(
    ("plan", "found", "decision"),
    [
        (BOTH, results(), Wait(("amd64", "i386"))),
        (BOTH, results(amd64="built"), Wait(("i386",))),
        (BOTH, results(amd64="built", i386="built"), Include(("amd64", "i386"))),
        (BOTH, results(amd64="built", i386="failed"), Include(("amd64",))),
        (
            BOTH,
            results(amd64="failed", i386="built"),
            Withhold("the gate 'no-regression' asks for amd64, which failed"),
        ),
        (BOTH, results(amd64="failed", i386="failed"), Abandon("amd64: failed there; i386: failed there")),
        (WITH_ALL, results(amd64="built", all="failed"), Include(("amd64",))),
        (
            WITH_ALL,
            results(amd64="failed", all="built"),
            Withhold("only 'all' was built, and the source has architecture-dependent packages"),
        ),
        (Plan(("all",), "built"), results(all="built"), Include(("all",))),
    ],
)
def test_the_gate(plan: Plan, found: dict[str, BuildResult], decision: Decision) -> None:
    assert decide(plan, found) == decision


@pytest.mark.parametrize(
    ("found", "decision"),
    [
        (results(amd64="failed", i386="built"), Include(("i386",))),
        (results(i386="built"), Include(("i386",))),
        (results(), Wait(("amd64", "i386"))),
        (results(amd64="failed", i386="failed"), Abandon("amd64: failed there; i386: failed there")),
    ],
)
def test_a_released_gate_takes_what_there_is_but_never_nothing(
    found: dict[str, BuildResult], decision: Decision
) -> None:
    assert decide(BOTH, found, released=True) == decision


def test_what_each_gate_requires() -> None:
    architectures, published = ("amd64", "i386", "all"), ("i386", "arm64")

    assert required("built", architectures, published) == ()
    assert required("complete", architectures, published) == architectures
    assert required("no-regression", architectures, published) == ("i386",)
