"""Signed command files, as the real dcut sends them: removed, withdrawn, built again, and answered at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemons.deciding import verdicts
from daemons.master import Master
from queues import history
from queues.names import Key, part_key
from queues.rooms import Room
from queues.values import BuildResult, FileRef
from review.desk import Desk
from tests.support.clients import Uploader
from tests.support.door import Door
from tests.support.people import Person, persons
from tests.support.small import Small
from tests.support.sources import SourceUpload
from tests.support.tools import run

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def people(work: Path) -> Iterator[dict[str, Person]]:
    with persons(work, "alice", "bob", "mallory", "rita") as made:
        yield made


@pytest.fixture(scope="module")
def door(work: Path) -> Iterator[Door]:
    one = Door(work / "site")
    one.site.people.add_reviewer("rita", "rita@example.org")
    with one.open():
        yield one


@pytest.fixture(scope="module")
def alice(door: Door, people: dict[str, Person]) -> Uploader:
    return door.register(people["alice"], "alice")


@pytest.fixture(scope="module")
def bob(door: Door, people: dict[str, Person]) -> Uploader:
    return door.register(people["bob"], "bob")


@pytest.fixture
def make(people: dict[str, Person], work: Path) -> Callable[..., SourceUpload]:
    return lambda name, version="1.0-1": Small(name, version).upload("demo", people["alice"], work)


@pytest.fixture
def lone(tmp_path: Path) -> Callable[[str], Path]:
    """Make a file of an upload that never becomes whole."""

    def one(name: str) -> Path:
        (tmp_path / name).write_text("half\n")
        return tmp_path / name

    return one


def signed(by: Person, *commands: str, name: str = "orders.commands", fields: str = "") -> Path:
    """Write a command file by hand, and sign it."""
    path = by.folder / name
    path.unlink(missing_ok=True)
    lines = "".join(f" {command}\n" for command in commands)
    text = f"Uploader: {by.full_name} <{by.address}>\n{fields}Commands:\n{lines}"
    argv: list[str | Path] = ["gpg", "--batch", "-u", by.fingerprint, "--clearsign", "--output", path]
    run(argv, env=by.env, stdin=text.encode())
    return path


def send(alice: Uploader, upload: SourceUpload, door: Door) -> Key:
    """Upload, and give the key under which it was taken."""
    alice.dput(upload)
    review = door.site.spool.review
    return next(name.key for name in review.names(Room.READY) if name.key.startswith(f"{upload.source}_"))


def accepted(door: Door, key: Key) -> None:
    """Let a reviewer accept an upload, and the master daemon dispatch its jobs."""
    Desk(door.site.spool, door.site.people, door.site.settings.suites).accept(key, "rita", door.now())
    master = Master(door.site)
    while master.one():
        pass


def end(door: Door, key: Key, architecture: str) -> None:
    """Let a build fail."""
    with door.site.spool.build(architecture).claim(part_key(key, architecture)) as job:
        assert job is not None
        upload, now = verdicts.upload_of(door.site.spool, job.envelope), door.now()
        assert upload is not None
        nothing = FileRef("log", 0, "0" * 64)
        result = BuildResult(job.envelope, "failed", "no luck", "build", (), nothing, now, now)
        job.settle(verdicts.fail(door.site, job, upload, result))


def events(door: Door, key: Key, queue: str = "master") -> list[history.Event]:
    spool = next(one for one in (*door.site.spool.uploads(), *door.site.spool.builds()) if one.name == queue)
    found = spool.find(key)
    assert found is not None
    return history.read(spool.where(*found))


class TestRemove:
    def test_dcut_removes_names_and_what_wildcards_mean(self, door: Door, alice: Uploader, lone: Callable[[str], Path]):
        first, *others = map(lone, ("millrm_1.dsc", "millrm_1.tar.xz", "millrm_1_source.buildinfo"))
        alice.sftp(first, *others)
        said = alice.dcut("rm", first.name).output
        assert f"debmill: done rm {first.name}: removed {first.name}" in said
        assert door.lying("alice") == sorted(path.name for path in others)
        said = alice.dcut("rm", "millrm_*").output
        assert all(path.name in said for path in others)
        assert door.lying("alice") == []

    def test_what_is_not_there_is_said(self, alice: Uploader):
        ran = alice.dcut("rm", "nothing_1.dsc", check=False)
        assert ran.status != 0
        assert "debmill: REFUSED" in ran.output
        assert "rm nothing_1.dsc: removed nothing; no unfinished file of alice is called nothing_1.dsc" in ran.output

    def test_nobody_reaches_the_files_of_another(
        self, door: Door, alice: Uploader, bob: Uploader, lone: Callable[[str], Path]
    ):
        dsc = lone("millown_1.dsc")
        alice.sftp(dsc)
        assert bob.dcut("rm", dsc.name, check=False).status != 0
        assert (
            "where no folders are" in bob.dcut("-U", signed(bob.person, f"rm ../alice/{dsc.name}"), check=False).output
        )
        assert door.lying("alice") == [dsc.name]
        alice.dcut("rm", "*")


class TestCancel:
    def test_an_upload_in_review_is_withdrawn(self, door: Door, alice: Uploader, make: Callable[..., SourceUpload]):
        upload = make("millback")
        key = send(alice, upload, door)
        said = alice.dcut("cancel", upload.changes.name).output
        assert f"debmill: done cancel {upload.changes.name}: withdrawn from review" in said
        assert door.where(key) == "review/rejected"
        last = events(door, key, "review")[-1]
        assert (last.event, last.facts) == ("withdrawn", {"by": "alice", "reason": "withdrawn by its uploader"})
        ran = alice.dcut("-U", signed(alice.person, "cancel millback"), check=False)  # other text: no replay
        assert ran.status != 0
        assert "it is in review/rejected" in ran.output

    def test_an_accepted_upload_fails_and_its_jobs_are_cancelled(
        self, door: Door, alice: Uploader, make: Callable[..., SourceUpload]
    ):
        key = send(alice, make("millstop"), door)
        accepted(door, key)
        assert door.where(key) == "master/waiting"
        with door.site.spool.build("i386").claim(part_key(key, "i386")) as running:
            assert running is not None
            said = alice.dcut("cancel", "millstop_1.0-1_source.changes").output
            assert "withdrawn; its builds are cancelled" in said
            assert (running.path / "cancel").exists()
        assert door.where(key) == "master/failed"
        found = door.site.spool.build("amd64").find(part_key(key, "amd64"))
        assert found is not None
        assert found[0] == Room.DONE
        assert any(notice.source == "millstop" for notice in door.told("abandoned"))

    def test_an_upload_of_somebody_else_is_not_touched(
        self, door: Door, alice: Uploader, bob: Uploader, make: Callable[..., SourceUpload]
    ):
        key = send(alice, make("millmine"), door)
        ran = bob.dcut("cancel", "millmine_1.0-1_source.changes", check=False)
        assert "it is not bob's: alice sent it" in ran.output
        assert door.where(key) == "review/ready"

    def test_the_signer_may_withdraw_what_another_account_carried(
        self, alice: Uploader, bob: Uploader, make: Callable[..., SourceUpload]
    ):
        upload = make("millspon")
        bob.sftp(*upload.files)
        said = alice.dcut("-U", signed(alice.person, "cancel millspon")).output  # debsign lets pass only .changes
        assert "withdrawn from review" in said


class TestGiveBack:
    def test_a_failed_build_is_built_again_while_its_upload_waits(
        self, door: Door, alice: Uploader, make: Callable[..., SourceUpload]
    ):
        key = send(alice, make("millagain"), door)
        accepted(door, key)
        end(door, key, "i386")
        said = alice.dcut("-U", signed(alice.person, "give-back millagain i386")).output
        assert "debmill: done give-back millagain i386: built again: i386" in said
        found = door.site.spool.build("i386").find(part_key(key, "i386"))
        assert found is not None
        assert found[0] == Room.READY
        assert events(door, part_key(key, "i386"), "build/i386")[-1].facts["by"] == "alice"
        ran = alice.dcut("-U", signed(alice.person, "give-back millagain amd64"), check=False)
        assert "is a build that failed" in ran.output


class TestRefused:
    def test_the_same_file_never_runs_twice(self, door: Door, alice: Uploader, lone: Callable[[str], Path]):
        dsc = lone("milltwice_1.dsc")
        alice.sftp(dsc)
        orders = signed(alice.person, f"rm {dsc.name}")
        alice.dcut("-U", orders)
        alice.sftp(dsc)
        ran = alice.dcut("-U", orders, check=False)
        assert ran.status != 0
        assert "were run before" in ran.output
        assert door.lying("alice") == [dsc.name]
        alice.dcut("rm", dsc.name)

    def test_a_key_that_nobody_registered(self, alice: Uploader, people: dict[str, Person]):
        ran = alice.dcut("-U", signed(people["mallory"], "rm *"), check=False)
        assert "which no registered uploader has" in ran.output

    @pytest.mark.parametrize(
        ("commands", "fields", "words"),
        [
            (("reschedule millrm_1.0-1_source.changes 0-day",), "", "there is no delayed queue here"),
            (("mv a b",), "", "is no command; there are: rm FILE..."),
            (("rm",), "", "rm takes names"),
            (("give-back a b c",), "", "is no command"),
            ((), "", "holds 0 commands"),
            (("rm *",), "Archive: x\n", "the field Archive is unknown"),
            (("rm *",), "Date: Mon, 02 Nov 2020 10:00:00 +0000\n", "too old"),
            (("rm *",), "Date: yesterday\n", "is no date"),
        ],
    )
    def test_bad_commands_are_explained_and_nothing_is_done(
        self, alice: Uploader, commands: tuple[str, ...], fields: str, words: str
    ):
        ran = alice.dcut("-U", signed(alice.person, *commands, fields=fields), check=False)
        assert ran.status != 0
        assert "debmill: REFUSED orders.commands" in ran.output
        assert words in ran.output

    def test_what_stands_outside_the_signed_text_counts_for_nothing(self, alice: Uploader):
        orders = signed(alice.person, "rm x")
        orders.write_text("Commands:\n rm *\n\n" + orders.read_text())
        assert "before the signed message" in alice.dcut("-U", orders, check=False).output

    def test_a_death_in_between_is_seen_in_status_and_nothing_runs_twice(
        self, door: Door, alice: Uploader, monkeypatch: pytest.MonkeyPatch
    ):
        def die(*_: object) -> None:
            raise KeyboardInterrupt

        area = door.site.uploading / "alice"
        orders = signed(alice.person, "rm nothing", name="cut.commands").read_bytes()
        monkeypatch.setattr(door.reception.orderly, "_outcome", die)
        (area / "cut.commands").write_bytes(orders)
        with pytest.raises(KeyboardInterrupt):
            door.reception.judge("alice", area, "cut.commands", None)
        assert "debmill: begun" in alice.read("/status/cut.commands.txt")
        (area / "cut.commands").write_bytes(orders)
        door.reception.judge("alice", area, "cut.commands", None)
        assert "were run before" in alice.read("/status/cut.commands.txt")

    def test_the_answer_stands_in_status(self, alice: Uploader):
        alice.dcut("-U", signed(alice.person, "rm nowhere", name="last.commands"), check=False)
        assert "no unfinished file of alice is called nowhere" in alice.read("/status/last.commands.txt")


class TestDecisions:
    @pytest.fixture
    def rita(self, door: Door, people: dict[str, Person]) -> Iterator[Person]:
        """A reviewer with a key, and no account for SFTP."""
        key = people["rita"].certificate.read_bytes()
        door.site.people.add_reviewer("rita", "rita@example.org", ("demo",), key, door.now())
        yield people["rita"]
        door.site.people.remove_reviewer("rita")
        door.site.people.add_reviewer("rita", "rita@example.org")

    def test_a_reviewer_decides_by_signed_commands_whoever_carries_them(
        self, door: Door, alice: Uploader, rita: Person, make: Callable[..., SourceUpload]
    ):
        wanted, unwanted = send(alice, make("wanted"), door), send(alice, make("unwanted"), door)
        orders = signed(rita, f"accept {wanted}", "reject unwanted_1.0-1 It is not free.", name="decide.commands")
        said = alice.dcut("-U", orders).output
        assert "accepted for demo" in said
        assert (door.where(wanted), door.where(unwanted)) == ("master/ready", "review/rejected")
        assert events(door, wanted)[-1].facts["by"] == "rita"
        (told,) = [one for one in door.told("rejected") if one.upload == unwanted]
        assert told.facts == {"by": "rita", "reason": "It is not free."}

    def test_commands_are_run_once(self, door: Door, alice: Uploader, rita: Person, make: Callable[..., SourceUpload]):
        key = send(alice, make("again"), door)
        orders = signed(rita, "reject again_1.0-1 No.", name="again.commands")
        alice.dcut("-U", orders)
        assert door.where(key) == "review/rejected"
        assert "were run before" in alice.sftp(orders, check=False).output

    def test_who_is_no_reviewer_decides_nothing(
        self, door: Door, alice: Uploader, rita: Person, make: Callable[..., SourceUpload]
    ):
        key = send(alice, make("mine"), door)
        mine = signed(alice.person, "accept mine_1.0-1", name="mine.commands")
        assert "no reviewer has the key of alice" in alice.sftp(mine, check=False).output
        hers = signed(rita, "cancel mine_1.0-1", name="hers.commands")
        assert "rita is a reviewer, and no uploader" in alice.sftp(hers, check=False).output
        assert door.where(key) == "review/ready"

    def test_another_suite_is_not_the_reviewers(
        self, door: Door, alice: Uploader, rita: Person, make: Callable[..., SourceUpload]
    ):
        key = send(alice, make("elsewhere"), door)
        door.site.people.add_reviewer("rita", "rita@example.org", ("stable",))
        orders = signed(rita, "accept elsewhere_1.0-1", name="elsewhere.commands")
        assert "rita may not decide on uploads to demo, only to stable" in alice.sftp(orders, check=False).output
        assert door.where(key) == "review/ready"
