"""The real lintian in the sandbox: in a layer over the base, last of all that is looked at."""

from __future__ import annotations

import json
import os
import select
import signal
from pathlib import Path
from typing import Any

import pytest

from daemons.building.layers import resolving
from daemons.building.layers.installing import Needs
from daemons.evidence import linting
from daemons.evidence.gatherer import EvidenceDaemon
from daemons.settings import Evidence
from queues.clock import utc
from queues.rooms import Room
from queues.values import Upload
from review.evidence import papers
from tests.support.account import unprivileged
from tests.support.desk import Waiting, native
from tests.support.world import REVIEWER

pytestmark = pytest.mark.integration

OLD = {"src/main.c": "int main(void) {}\n", "debian/pkg.cron.daily": "#!/bin/sh\n"}
NEW = {**OLD, "src/main.c": "int main(void) { return 1; }\n"}


@unprivileged
def test_lintian_looks_at_both_versions_and_what_is_new_comes_first(work: Path) -> None:
    """The real one, from a layer over the base; nothing of it is on this machine."""
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(depends=False))
    waiting.publish(native(waiting.path, "1.0", OLD))
    old = "Source: pkg\nMaintainer: Ulla <ulla@example.org>\nStandards-Version: 3.0.0\n"
    control = f"{old}\nPackage: pkg\nArchitecture: any\nDescription: tiny\n It is.\n"

    found = waiting.gather(waiting.send(native(waiting.path, "1.1", {**OLD, "debian/control": control}), "1.1"))

    assert (found.trouble, found.lintian_trouble) == (None, "")
    assert found.lintian is not None
    fresh = {tag.name for tag in found.lintian if tag.new}
    known = {tag.name for tag in found.lintian if not tag.new}
    assert "out-of-date-standards-version" in fresh
    assert {"debian-rules-missing-required-target", "no-debian-copyright-in-source"} <= known
    assert "debian-rules-missing-required-target" not in fresh
    assert [tag.new for tag in found.lintian] == sorted((tag.new for tag in found.lintian), reverse=True)
    shown = json.loads(waiting.say("review", "show", "pkg", "--json"))
    assert "lintian-information" in {finding["rule"] for finding in shown["findings"]}


@unprivileged
def test_lintian_comes_last_and_no_rule_decides_before_it(work: Path) -> None:
    """What is looked at by a reviewer meanwhile is not replaced; what lintian said is kept for when it was left."""
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(depends=False))
    published = native(waiting.path, "1.0", OLD)
    waiting.publish(published)
    first = waiting.send(native(waiting.path, "1.1", NEW), "1.1")
    low = waiting.send(published, "1.0")
    daemon = EvidenceDaemon(waiting.site)
    daemon.recover()
    assert [daemon.one() for _ in (first, low)] == [True, True]
    evidence = {one: papers.read(waiting.entry(one)) for one in (first, low)}
    assert all(found is not None and found.awaits_lintian and not found.lintian for found in evidence.values())
    assert "it has not looked yet" in waiting.say("review", "show", first.key)
    assert waiting.site.spool.review.find(low.key)[0] is Room.READY  # type: ignore[index]
    real, asked = daemon.gatherer.lint, []

    def lint(upload: Upload, *given: Any) -> Any:
        asked.append(upload.key)
        found = real(upload, *given)
        if upload == first:
            opened.__enter__()
        return found

    daemon.gatherer.lint = lint  # type: ignore[method-assign]
    opened = waiting.desk.open(first.key, REVIEWER, utc())
    assert daemon.one()
    assert papers.read(waiting.entry(first)) == evidence[first]
    opened.__exit__(None, None, None)
    while daemon.one():
        pass

    assert asked.count(first.key) == 1
    found = papers.read(waiting.entry(first))
    assert found is not None
    assert found.lintian
    assert not found.awaits_lintian
    assert {path.name for path in (waiting.entry(first) / "evidence").iterdir()} == {"facts", "diff", "index"}
    assert waiting.site.spool.review.find(low.key)[0] is Room.REJECTED  # type: ignore[index]


@unprivileged
def test_without_lintian_the_evidence_says_so_and_waits_for_nothing(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(depends=False))
    one = waiting.send(native(waiting.path, "1.1", NEW), "1.1")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linting, "_NEEDS", Needs(resolving.needed(b"Build-Depends: no-such-lintian\n"), "arch"))
        found = waiting.gather(one)

    assert found.difference is not None
    assert found.lintian is None
    assert "have no lintian" in found.lintian_trouble
    assert "have no lintian" in waiting.say("review", "show", "pkg")


@unprivileged
def test_a_daemon_that_is_to_stop_does_not_wait_for_lintian(work: Path) -> None:
    (work / "site").mkdir()
    waiting = Waiting(work / "site", Evidence(depends=False))
    one = waiting.send(native(waiting.path, "1.1", NEW), "1.1")
    child = os.fork()
    if child == 0:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(linting, "_COMMAND", ("sh", "-c", "sleep 1000", "lintian"))
            EvidenceDaemon(waiting.site).run()
        os._exit(0)
    while (found := papers.read(waiting.entry(one))) is None:
        select.select([], [], [], 0.1)

    os.kill(child, signal.SIGTERM)

    assert os.waitpid(child, 0)[1] == 0
    assert papers.read(waiting.entry(one)) == found
    assert found.awaits_lintian
