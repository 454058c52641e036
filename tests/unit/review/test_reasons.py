"""Reasons for rejecting: debmill's own and the site's, in the tool and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemons import account, samples, settings, sites
from daemons.command import command
from queues.values import Suite
from review.reasons import OURS, NoReason, Reasons
from tests.support.entries import put_upload, spool_at, upload
from tests.support.world import Everybody


def test_a_site_adds_replaces_and_takes_away(tmp_path: Path) -> None:
    for name, text in (("house", "See the rules\nof the house.\n"), ("suite", "Try stable."), ("taken", "\n")):
        (tmp_path / f"{name}.txt").write_text(text)
    found = Reasons(tmp_path).all()
    assert {*found} == {*OURS, "house"} - {"taken"}
    assert (found["house"], found["suite"]) == ("See the rules\nof the house.", "Try stable.")
    assert Reasons(tmp_path / "nowhere").all() == OURS


def test_a_file_that_cannot_be_read_hides_no_other_and_is_named_when_it_is_meant(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff")
    (tmp_path / "folder.txt").mkdir()
    reasons = Reasons(tmp_path)
    assert reasons.all() == OURS
    for name in ("bad", "folder"):
        with pytest.raises(NoReason, match=f"{name}.txt: "):
            reasons.text(name)
    with pytest.raises(NoReason, match=r"no reason called '\.\./x': changelog, copyright"):
        reasons.text("../x")


def test_rejecting_takes_a_reason_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "give_up_root", lambda: None)  # the site is ours
    monkeypatch.setattr(sites, "People", Everybody)
    monkeypatch.setattr(Everybody, "reviewers", lambda self: [self.reviewer("rita")])
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    spool, one = spool_at(tmp_path), upload("pkg", "1.0")
    put_upload(spool, one)

    def say(*words: str) -> str:
        ran = CliRunner().invoke(command, ["--site", str(tmp_path), "review", *words])
        return ran.output + str(ran.exception or "")

    assert json.loads(say("reasons", "--json")) == OURS
    assert "say why" in say("reject", "pkg", "--as", "rita")
    assert "no reason called 'nothing'" in say("reject", "pkg", "--as", "rita", "--template", "nothing")
    assert "is rejected" in say("reject", "pkg", "--as", "rita", "--template", "suite", "-m", "Stable, I think.")
    (name,) = spool.notices.names(spool.notices.rooms[1])
    told = spool.notices.peek(spool.notices.rooms[1], name)
    assert told.facts["reason"] == f"{OURS['suite']}\n\nStable, I think."
