"""`debmill events`: the last events, of all or of one upload, and those that come while one looks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemons import account, samples, settings
from daemons.command import command
from daemons.doctor import places
from daemons.notifier import Notifier
from daemons.sites import Site
from queues.clock import utc
from queues.values import Suite
from tests.support.entries import upload


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(account, "give_up_root", lambda: None)  # the site is ours
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    found = Site(tmp_path)
    found.spool.create(["amd64"])
    return found


def tell(site: Site, event: str, source: str, **facts: str) -> None:
    site.tell(event, upload(source, "1.0"), utc(), **facts)
    daemon = Notifier(site)
    while daemon.one():
        pass


def say(site: Site, *words: str) -> str:
    return CliRunner().invoke(command, ["--site", str(site.path), "events", *words]).output


def test_the_last_events_are_shown_of_all_or_of_one(site: Site) -> None:
    assert say(site) == ""
    tell(site, "accepted", "one", by="rita")
    tell(site, "rejected", "two", by="otto", reason="no\nlicence")
    lines = say(site).splitlines()
    assert [line.split("  ", 1)[1].split() for line in lines] == [
        ["accepted", "one", "1.0", "by:", "rita"],
        ["rejected", "two", "1.0", "by:", "otto", "reason:", "no", "licence"],
    ]
    assert say(site, "-n", "1").splitlines() == lines[1:]
    for name in ("two", "two_1.0", upload("two", "1.0").key):
        assert say(site, name).splitlines() == lines[1:]
    (event,) = map(json.loads, say(site, "one", "--json").splitlines())
    assert (event["event"], event["facts"]) == ("accepted", {"by": "rita"})


def test_what_happens_is_followed_also_in_a_new_file(site: Site) -> None:
    tell(site, "accepted", "one", by="rita")
    words = ["-c", "import sys; from daemons import account; account.give_up_root = lambda: None; "
             "from daemons.command import main; sys.argv[0] = 'debmill'; main()"]  # fmt: skip
    following = [sys.executable, *words, "--site", str(site.path), "events", "-f", "--json"]
    with subprocess.Popen(
        following, stdout=subprocess.PIPE, env={"PYTHONUNBUFFERED": "1", "PYTHONPATH": ":".join(sys.path)}
    ) as ran:
        try:
            assert ran.stdout is not None
            assert json.loads(ran.stdout.readline())["source"] == "one"
            tell(site, "accepted", "two", by="rita")
            assert json.loads(ran.stdout.readline())["source"] == "two"
            (site.logs / "events.jsonl").unlink()
            tell(site, "published", "three", built="")
            assert json.loads(ran.stdout.readline())["source"] == "three"
        finally:
            ran.kill()


def test_a_template_to_begin_with_is_printed_and_those_there_are_listed(site: Site) -> None:
    def config(*words: str) -> str:
        env = {"COLUMNS": "160"}
        return CliRunner().invoke(command, ["--site", str(site.path), "config", "template", *words], env=env).output

    site.templates.mkdir()
    (site.templates / "held.txt").write_text(config("held"))
    assert "is held for a person" in config("held")
    (site.templates / "failed.txt").write_text("{{ nobody }}\n")
    said = {line.split()[1]: line for line in config().splitlines() if " " in line}
    assert str(site.templates)[:20] in said["held"]
    assert "'nobody' is undefined" in said["failed"]
    assert "debmill's own" in said["built"]


def test_the_doctor_names_a_template_that_cannot_be_used(site: Site) -> None:
    site.templates.mkdir()
    (site.templates / "held.txt").write_text("{{ nobody }}\n")
    (found,) = places._templates(site)
    assert (found.what, found.where) == ("template", str(site.templates / "held.txt"))
    assert "'nobody' is undefined" in found.means
