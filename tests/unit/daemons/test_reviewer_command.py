"""`debmill reviewer`: a reviewer's key is kept, shown and checked, and says which uploads are the reviewer's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from daemons import account, samples, settings
from daemons.command import command
from daemons.doctor import keys
from daemons.sites import Site
from queues.values import Suite
from review import standing
from review.people import People
from review.person import Reviewer, UnknownPerson
from tests.support.entries import upload
from tests.support.people import Person


@pytest.fixture(scope="module")
def rita(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    person = Person("rita", tmp_path_factory.mktemp("people"))
    yield person
    person.close()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(account, "give_up_root", lambda: None)  # the site is ours
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": Suite("demo")}))
    return tmp_path


def say(site: Path, *words: str | Path) -> Result:
    return CliRunner().invoke(command, ["--site", str(site), "reviewer", *map(str, words)])


def listed(site: Path) -> list[dict[str, object]]:
    said: list[dict[str, object]] = json.loads(say(site, "list", "--json").output)
    return said


def test_a_key_is_kept_and_shown_until_the_reviewer_is_forgotten(site: Path, rita: Person) -> None:
    given = ("add", "rita", "--mail", "rita@example.org")
    assert rita.fingerprint in say(site, *given, "--openpgp-key", rita.certificate, "--digest").output
    fields = {"name": "rita", "mail": "rita@example.org", "suites": ["*"], "digest": True}
    key = {"fingerprint": rita.fingerprint.lower(), "expires": None, "refused": ""}
    assert listed(site) == [{**fields, "keys": [key]}]

    assert say(site, *given, "--suite", "demo").exit_code == 0
    assert listed(site) == [{**fields, "suites": ["demo"], "keys": [key]}], "what is not given stays"
    say(site, "remove", "rita")
    say(site, *given)
    assert listed(site) == [{**fields, "digest": False, "keys": []}]


def test_a_file_that_is_no_key_is_named_and_nobody_is_registered(site: Path, tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("no key\n")
    ran = say(site, "add", "rita", "--mail", "rita@example.org", "--openpgp-key", tmp_path / "key.txt")
    assert str(ran.exception).startswith(f"{tmp_path / 'key.txt'}: ")
    assert listed(site) == []


def test_one_key_has_one_reviewer(site: Path, rita: Person) -> None:
    key = ("--openpgp-key", rita.certificate)
    say(site, "add", "rita", "--mail", "rita@example.org", *key)
    ran = say(site, "add", "otto", "--mail", "otto@example.org", *key)
    assert isinstance(ran.exception, UnknownPerson)
    assert "belongs to the reviewer 'rita'" in str(ran.exception)


def test_what_a_reviewers_key_signed_is_the_reviewers_own_whoever_sent_it(site: Path, rita: Person) -> None:
    people, one = People(site / "keys"), upload("pkg", "1.0")
    people.add_reviewer("rita", "rita@example.org", openpgp_key=rita.certificate.read_bytes())
    judge = people.reviewer("rita")
    assert standing.is_own(people, replace(one, signer=rita.fingerprint.lower()), judge)
    assert not standing.is_own(people, one, judge)


def test_the_doctor_tells_of_a_key_whose_word_counts_no_more(site: Path, rita: Person) -> None:
    def found(reviewer: Reviewer) -> list[str]:
        here = Site(site)
        here.people.reviewer = lambda _: reviewer  # type: ignore[method-assign, assignment]
        return [one.means for one in keys._reviewer(here, "rita", now)]

    now = datetime.now(UTC)
    People(site / "keys").add_reviewer("rita", "rita@example.org", openpgp_key=rita.certificate.read_bytes())
    one = People(site / "keys").reviewer("rita")
    assert found(one) == []
    over = replace(one.certificates[0], expires=now - timedelta(days=1))
    assert "expired" in found(replace(one, certificates=(over,)))[0]
