from __future__ import annotations

import base64
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from review import sshkeys
from review.people import People
from review.person import UnknownPerson
from review.sshkeys import BadKey
from tests.support.people import Person
from tests.support.tools import run

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    person = Person("alice", tmp_path_factory.mktemp("people"))
    yield person
    person.close()


def add(people: People, name: str, who: Person, **rights: tuple[str, ...]) -> None:
    people.add_uploader(name, who.ssh_public.read_bytes(), who.certificate.read_bytes(), NOW, **rights)  # type: ignore[arg-type]


def test_an_uploader_is_found_by_name_and_by_key(tmp_path: Path, alice: Person) -> None:
    people = People(tmp_path / "keys")
    add(people, "alice", alice, packages=("tiny*", "hello"), suites=("demo",))
    found = people.by_fingerprint(alice.fingerprint.lower())
    assert found == people.uploader("alice")
    assert found is not None
    assert found.mail == "alice@example.org"
    assert [found.may_upload(source, "demo") for source in ("tinyx", "hello", "hello2")] == [True, True, False]
    assert not found.may_upload("hello", "other")
    assert people.ssh_keys("alice")[0].type == "ssh-ed25519"


def test_who_was_removed_is_unknown_at_once(tmp_path: Path, alice: Person) -> None:
    people = People(tmp_path / "keys")
    add(people, "alice", alice)
    People(tmp_path / "keys").remove_uploader("alice")
    assert people.by_fingerprint(alice.fingerprint.lower()) is None
    assert people.ssh_keys("alice") == []
    assert list((tmp_path / "keys/uploaders").iterdir()) == []


def test_one_key_has_one_owner(tmp_path: Path, alice: Person) -> None:
    people = People(tmp_path / "keys")
    add(people, "alice", alice)
    with pytest.raises(UnknownPerson, match="belongs to the uploader 'alice'"):
        add(people, "bob", alice)
    with pytest.raises(UnknownPerson, match="already"):
        add(people, "alice", alice)


def test_an_uploader_whose_files_are_broken_stops_nobody_else(tmp_path: Path, alice: Person) -> None:
    people = People(tmp_path / "keys")
    add(people, "alice", alice)
    (tmp_path / "keys/uploaders/broken").mkdir()
    assert [one.name for one in people.uploaders()] == ["alice"]


@pytest.mark.parametrize("name", ["", "..", "Alice", "a/b", ".hidden", "a" * 40, "a b"])
def test_names_that_are_none(tmp_path: Path, alice: Person, name: str) -> None:
    people = People(tmp_path / "keys")
    with pytest.raises(UnknownPerson):
        add(people, name, alice)
    assert people.ssh_keys(name) == []


def test_reviewers(tmp_path: Path) -> None:
    people = People(tmp_path / "keys")
    people.add_reviewer("rita", "rita@example.org", ("demo*",))
    assert people.reviewer("rita").may_review("demo-updates")
    assert not people.reviewer("rita").may_review("stable")
    people.remove_reviewer("rita")
    with pytest.raises(UnknownPerson, match="registered: nobody"):
        people.reviewer("rita")
    with pytest.raises(UnknownPerson, match="mail address"):
        people.add_reviewer("rita", "rita")


def keygen(folder: Path, *options: str) -> str:
    run(["ssh-keygen", "-q", "-N", "", "-f", folder / "key", *options])
    return (folder / "key.pub").read_text()


@pytest.mark.parametrize("file", ["uploader.json", "ssh.pub", "openpgp.asc"])
def test_an_uploader_with_a_directory_for_a_file_stops_nobody_else(tmp_path: Path, alice: Person, file: str) -> None:
    people = People(tmp_path / "keys")
    add(people, "alice", alice)
    broken = tmp_path / "keys/uploaders/bob"
    shutil.copytree(tmp_path / "keys/uploaders/alice", broken)
    (broken / file).unlink()
    (broken / file).mkdir()
    assert [one.name for one in people.uploaders()] == ["alice"]


def test_a_reviewer_whose_file_is_broken_stops_nobody_else(tmp_path: Path) -> None:
    people = People(tmp_path / "keys")
    people.add_reviewer("rita", "rita@example.org")
    (tmp_path / "keys/reviewers/otto.json").write_text("{")
    (tmp_path / "keys/reviewers/anna.json").mkdir()
    assert [one.name for one in people.reviewers()] == ["rita"]


@pytest.mark.parametrize("options", [("-t", "ed25519"), ("-t", "ecdsa", "-b", "384"), ("-t", "rsa", "-b", "3072")])
def test_ssh_keys_that_are_strong_enough(tmp_path: Path, options: tuple[str, ...]) -> None:
    (key,) = sshkeys.parse("# mine\n\n" + keygen(tmp_path, *options))
    assert key.fingerprint in run(["ssh-keygen", "-l", "-f", tmp_path / "key.pub"]).output


def test_ssh_keys_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadKey, match="too weak"):
        sshkeys.parse(keygen(tmp_path, "-t", "rsa", "-b", "2048"))
    kind, blob, *_ = (tmp_path / "key.pub").read_text().split()
    for line, words in [
        (f"ssh-ed25519 {blob}", "another type"),
        (f"{kind} {blob[:40]}", "cut short"),
        (f"{kind}", "cut short"),
        (f'command="sh" {kind} {blob}', "not an SSH public key"),
        ((tmp_path / "key").read_text(), "private"),
    ]:
        with pytest.raises(BadKey, match=words):
            sshkeys.parse(line)


def test_several_ssh_keys_of_one_person(tmp_path: Path, alice: Person) -> None:
    second = keygen(tmp_path, "-t", "ecdsa", "-b", "256")
    people = People(tmp_path / "keys")
    keys = alice.ssh_public.read_bytes() + b"# the laptop\n" + second.encode()
    people.add_uploader("alice", keys, alice.certificate.read_bytes(), NOW)
    assert [key.type for key in people.ssh_keys("alice")] == ["ssh-ed25519", "ecdsa-sha2-nistp256"]


def test_a_hardware_key_that_the_server_cannot_verify_is_refused_by_word(tmp_path: Path, alice: Person) -> None:
    kind = b"sk-ssh-ed25519@openssh.com"
    fields = (kind, b"k" * 32, b"ssh:")
    blob = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    line = b"%s %s alice" % (kind, base64.b64encode(blob))
    people = People(tmp_path / "keys")
    with pytest.raises(BadKey, match="cannot verify the keys of hardware tokens"):
        people.add_uploader("alice", line, alice.certificate.read_bytes(), NOW)
    assert people.uploaders() == []


def test_what_is_given_is_changed_and_the_rest_stays(tmp_path: Path, alice: Person) -> None:
    people = People(tmp_path / "keys")
    add(people, "alice", alice, packages=("tiny*",), suites=("demo",))
    assert people.quota("alice") == 0
    second = keygen(tmp_path, "-t", "ed25519").encode()
    people.update_uploader("alice", NOW, ssh_key=second, quota=5000)
    changed = people.uploader("alice")
    assert (changed.packages, changed.suites, changed.mail) == (("tiny*",), ("demo",), "alice@example.org")
    assert changed.fingerprints == (alice.fingerprint.lower(),)
    assert [key.fingerprint for key in people.ssh_keys("alice")] == [sshkeys.parse(second.decode())[0].fingerprint]
    assert people.quota("alice") == 5000
    people.update_uploader("alice", NOW, mail="al@example.org", packages=("*",))
    assert people.uploader("alice").packages == ("*",)
    assert people.quota("alice") == 5000
    with pytest.raises(UnknownPerson, match="there is no uploader 'bob'"):
        people.update_uploader("bob", NOW, quota=1)


def test_a_quota_can_be_asked_of_anybody(tmp_path: Path) -> None:
    assert [People(tmp_path / "keys").quota(name) for name in ("nobody", "../x", "")] == [0, 0, 0]
