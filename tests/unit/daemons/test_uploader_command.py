"""`debmill uploader` on the command line: what is wrong with it is said before anything is registered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons import account, samples, settings
from daemons.command import command
from queues.values import Suite
from tests.support.people import Person


@pytest.fixture(scope="module")
def ulla(tmp_path_factory: pytest.TempPathFactory):
    person = Person("ulla", tmp_path_factory.mktemp("people"))
    yield person
    person.close()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(account, "give_up_root", lambda: None)  # the site is ours
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo"), "demo-next": Suite("demo-next")}))
    return tmp_path


def say(site: Path, *words: str | Path) -> Result:
    return CliRunner().invoke(command, ["--site", str(site), "uploader", *map(str, words)])


def listed(site: Path) -> list[dict[str, object]]:
    said: list[dict[str, object]] = json.loads(say(site, "list", "--json").output)
    return said


def test_an_uploader_has_what_was_given_and_update_changes_only_what_is_given(site: Path, ulla: Person) -> None:
    keys = ("--ssh-key", ulla.ssh_public, "--openpgp-key", ulla.certificate)
    rights = ("--packages", "hello", "--packages", "lib*", "--suite", "demo*", "--quota", "500M", "--mail", "u@x.org")
    assert say(site, "add", "ulla", *keys, *rights).exit_code == 0
    (one,) = listed(site)
    given = {"packages": ["hello", "lib*"], "suites": ["demo*"], "quota": 500 << 20, "mail": "u@x.org"}
    assert {name: one[name] for name in given} == given
    assert say(site, "update", "ulla", "--quota", "1G", "--suite", "demo").exit_code == 0
    assert listed(site) == [{**one, "quota": 1 << 30, "suites": ["demo"]}]
    assert say(site, "update", "ulla", "--digest").exit_code == 0
    assert listed(site) == [{**one, "quota": 1 << 30, "suites": ["demo"], "digest": True}]


def test_a_suite_that_is_none_is_refused_with_those_there_are(site: Path, ulla: Person) -> None:
    keys = ("--ssh-key", ulla.ssh_public, "--openpgp-key", ulla.certificate)
    ran = say(site, "add", "ulla", *keys, "--suite", "dmeo")
    assert ran.exit_code == 2
    assert "no suite of this site is called 'dmeo': demo, demo-next" in ran.output
    assert listed(site) == []


def test_who_is_registered_already_is_changed_by_update(site: Path, ulla: Person) -> None:
    keys = ("--ssh-key", ulla.ssh_public, "--openpgp-key", ulla.certificate)
    assert say(site, "add", "ulla", *keys).exit_code == 0
    assert "debmill uploader update ulla" in str(say(site, "add", "ulla", *keys).exception)


@pytest.mark.parametrize("wrong", ["--ssh-key", "--openpgp-key"])
def test_a_key_that_is_refused_is_named_by_its_file(site: Path, tmp_path: Path, ulla: Person, wrong: str) -> None:
    (tmp_path / "key.txt").write_text("no key\n")
    keys = {"--ssh-key": ulla.ssh_public, "--openpgp-key": ulla.certificate, wrong: tmp_path / "key.txt"}
    words = [word for pair in keys.items() for word in pair]
    assert str(say(site, "add", "ulla", *words).exception).startswith(f"{tmp_path / 'key.txt'}: ")
