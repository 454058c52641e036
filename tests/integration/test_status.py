"""What an uploader hears and reads: verdicts on the connection, /status, files that expire, keys that are withdrawn."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import paramiko
import pytest

from archive import pool
from archive.openpgp import BadSignature
from daemons.deciding import verdicts
from queues import atomic
from queues.names import Key, part_key
from queues.rooms import Room
from queues.values import BuildJob, BuildResult, FileRef
from review.desk import Desk
from review.people import People
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
    with persons(work, "alice", "bob") as made:
        yield made


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    one = Door(tmp_path / "site")
    one.site.people.add_reviewer("rita", "rita@example.org")
    with one.open():
        yield one


@pytest.fixture
def alice(door: Door, people: dict[str, Person]) -> Uploader:
    return door.register(people["alice"], "alice")


@pytest.fixture
def make(people: dict[str, Person], tmp_path: Path) -> Callable[..., SourceUpload]:
    return lambda name="pebble", version="1.0-1": Small(name, version).upload("demo", people["alice"], tmp_path)


def desk(door: Door) -> Desk:
    return Desk(door.site.spool, door.site.people, door.site.settings.suites)


def key_of(door: Door) -> Key:
    return door.site.spool.review.names(Room.READY)[-1].key


def connected(alice: Uploader, door: Door) -> paramiko.Transport:
    transport = paramiko.Transport(door.server.address)
    transport.connect(username="alice", pkey=paramiko.Ed25519Key.from_private_key_file(str(alice.person.ssh_key)))
    return transport


class TestVerdict:
    def test_a_glob_sends_the_changes_first_and_the_last_file_carries_the_verdict(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door
    ):
        upload = make()
        folder = upload.changes.parent
        batch = f"put {folder}/pebble_1.0*\n".encode()
        said = run(["sftp", "-F", alice.ssh_config, "-b", "-", "mill:/incoming"], stdin=batch).output
        waiting = f"debmill: waiting for pebble_1.0.orig.tar.xz of {upload.changes.name}\n"
        assert said.index(waiting) < said.index("debmill: taken pebble 1.0-1")
        assert door.where(key_of(door)) == "review/ready"

    def test_a_wrong_changes_that_comes_early_is_refused_before_the_rest(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door
    ):
        upload = make()
        upload.changes.write_text(upload.changes.read_text().replace("Source: pebble", "Source: rubble"))
        ran = alice.sftp(upload.changes, upload.dsc, check=False)
        assert ran.status != 0
        assert "debmill: REFUSED" in ran.output
        assert door.lying("alice") == []

    def test_taken_is_said_when_the_entry_is_synced(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door, monkeypatch: pytest.MonkeyPatch
    ):
        calls: list[str] = []

        class Watched(atomic.Disk):
            def rename(self, old: atomic.AnyPath, new: atomic.AnyPath) -> None:
                super().rename(old, new)
                calls.append(f"rename {Path(new).parent.parent.name}/{Path(new).parent.name}")

            def sync(self, path: atomic.AnyPath) -> None:
                super().sync(path)
                calls.append(f"sync {Path(path).name}")

        monkeypatch.setattr(atomic, "disk", Watched())
        spoken = door.reception._recorded
        monkeypatch.setattr(
            door.reception, "_recorded", lambda *said: (calls.append(type(said[1]).__name__), spoken(*said))[1]
        )
        upload = make()
        alice.sftp(*upload.files)
        arrived = calls.index("rename review/ready")
        assert {f"sync {path.name}" for path in upload.files} <= set(calls[:arrived])
        assert "sync ready" in calls[arrived : calls.index("Taken")]

    def test_what_came_in_order_is_not_read_again(
        self, alice: Uploader, make: Callable[..., SourceUpload], monkeypatch: pytest.MonkeyPatch, door: Door
    ):
        read: list[str] = []
        digest = pool.digest
        monkeypatch.setattr(pool, "digest", lambda path: (read.append(path.name), digest(path))[1])
        alice.sftp(*make().files)
        assert read == []
        assert door.where(key_of(door)) == "review/ready"

    def test_what_came_out_of_order_is_read(
        self, alice: Uploader, make: Callable[..., SourceUpload], monkeypatch: pytest.MonkeyPatch, door: Door
    ):
        read: list[str] = []
        digest = pool.digest
        monkeypatch.setattr(pool, "digest", lambda path: (read.append(path.name), digest(path))[1])
        *others, changes = make().files
        odd = others[0]
        content = odd.read_bytes()
        with connected(alice, door) as transport, paramiko.SFTPClient.from_transport(transport) as client:
            for path in others[1:]:
                client.put(str(path), f"/incoming/{path.name}")
            with client.open(f"/incoming/{odd.name}", "w") as file:
                for begin, end in ((0, 5), (10, len(content)), (5, 10)):
                    file.seek(begin)
                    file.write(content[begin:end])
            client.put(str(changes), f"/incoming/{changes.name}", confirm=False)
        assert read == [odd.name]
        assert door.where(key_of(door)) == "review/ready"


class TestStatus:
    def test_the_report_follows_the_upload(self, alice: Uploader, make: Callable[..., SourceUpload], door: Door):
        alice.dput(make())
        assert "Stage: it waits for a reviewer (review/ready)" in alice.read("/status/pebble_1.0-1.txt")
        desk(door).reject("pebble", "rita", "no copyright file\nnor a licence", door.now())
        report = alice.read("/status/pebble_1.0-1.txt")
        assert "(review/rejected)" in report
        assert "Reason: no copyright file\nReason: nor a licence\n" in report
        assert "rejected  by: rita" in report

    def test_a_failed_build_shows_the_end_of_its_log(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door
    ):
        alice.dput(make())
        key = key_of(door)
        desk(door).accept("pebble", "rita", door.now())
        failed(door, key)
        report = alice.read("/status/pebble_1.0-1.txt")
        assert "pebble 1.0-1: the build for amd64" in report
        assert "Reason: build: Error 1" in report
        assert "  | line 99\n  | ?[31mError 1\n" in report
        assert "line 10\n" not in report

    def test_a_refusal_stands_there_until_the_upload_is_taken(self, alice: Uploader, make: Callable[..., SourceUpload]):
        upload = make()
        good = upload.changes.read_bytes()
        upload.changes.write_bytes(good.replace(b"Source: pebble", b"Source: rubble"))
        alice.sftp(upload.changes, check=False)
        assert "debmill: REFUSED" in alice.read("/status/pebble_1.0-1.txt")
        upload.changes.write_bytes(good)
        alice.sftp(*upload.files)
        assert "REFUSED" not in alice.read("/status/pebble_1.0-1.txt")

    def test_nobody_sees_what_another_account_carried(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door, people: dict[str, Person]
    ):
        bob = door.register(people["bob"], "bob")
        alice.dput(make())
        listed = [
            run(["sftp", "-q", "-F", one.ssh_config, "-b", "-", "mill"], stdin=b"ls -1 /status\n").output
            for one in (alice, bob)
        ]
        assert ["pebble_1.0-1.txt" in one for one in listed] == [True, False]
        argv = ["sftp", "-q", "-F", bob.ssh_config, "-b", "-", "mill"]
        assert run(argv, stdin=b"get /status/pebble_1.0-1.txt /dev/null\n", check=False).status != 0

    def test_what_is_published_says_where(self, alice: Uploader, make: Callable[..., SourceUpload], door: Door):
        alice.dput(make())
        key = key_of(door)
        desk(door).accept("pebble", "rita", door.now())
        spool = door.site.spool
        with spool.master.claim(key) as entry:
            assert entry is not None
            entry.move(spool.archive, Room.DONE)
        assert "Download: the archive/pool/main/p/pebble/" in alice.read("/status/pebble_1.0-1.txt")


def failed(door: Door, key: Key) -> None:
    """Put a job of an accepted upload, and let it fail with a log of a hundred lines."""
    spool = door.site.spool
    (found,) = [name for name in spool.master.names(Room.READY) if name.key == key]
    upload = spool.master.peek(Room.READY, found)
    dsc = next(ref for ref in upload.files if ref.name.endswith(".dsc"))
    name = found._replace(key=part_key(key, "amd64"))
    queue = spool.build("amd64")
    queue.put(name, BuildJob(key, upload.source, upload.version, "amd64", "demo", dsc, upload.files), {})
    with queue.claim(name.key) as job:
        assert job is not None
        nothing = FileRef("log", 0, hashlib.sha256().hexdigest())
        now, excerpt = door.now(), "".join(f"line {n}\n" for n in range(100)) + "\x1b[31mError 1\n"
        result = BuildResult(job.envelope, "failed", "Error 1", "build", (), nothing, now, now, excerpt)
        job.settle(verdicts.fail(door.site, job, upload, result))


class TestExpiry:
    @pytest.mark.parametrize("by", ["dcut", "sftp"])
    def test_what_its_uploader_removed_is_not_said_to_wait(
        self, alice: Uploader, make: Callable[..., SourceUpload], by: str
    ):
        changes = make().changes
        alice.sftp(changes)
        assert "removed" not in alice.read("/status/pebble_1.0-1.txt")
        if by == "dcut":
            alice.dcut("rm", changes.name)
        else:
            run(
                ["sftp", "-q", "-F", alice.ssh_config, "-b", "-", "mill"], stdin=f"rm /incoming/{changes.name}".encode()
            )
        assert "It waits no more: the .changes was removed." in alice.read("/status/pebble_1.0-1.txt")

    def test_missing_files_are_waited_for_and_then_the_uploader_is_told(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door
    ):
        upload = make()
        *others, changes = upload.files
        alice.sftp(changes, *others[1:])
        door.ahead = timedelta(minutes=14)
        door.look()
        assert len(door.lying("alice")) == len(upload.files) - 1
        door.ahead = timedelta(minutes=15, seconds=1)
        door.look()
        assert door.lying("alice") == []
        (notice,) = door.told("refused")
        assert notice.recipients == ("alice@example.org",)
        assert f"{others[0].name} did not come within 15 minutes" in notice.facts["reason"]
        assert "did not come within 15 minutes" in alice.read("/status/pebble_1.0-1.txt")
        door.look()
        assert len(door.told("refused")) == 1
        door.ahead = timedelta()
        alice.sftp(*upload.files)
        assert door.where(key_of(door)) == "review/ready"

    def test_files_without_a_changes_wait_for_a_day(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door
    ):
        *others, _ = make().files
        alice.sftp(*others)
        door.ahead = timedelta(hours=23)
        door.look()
        assert len(door.lying("alice")) == len(others)
        door.ahead = timedelta(hours=24, seconds=1)
        door.look()
        assert door.lying("alice") == []
        (notice,) = door.told("refused")
        assert "no .changes named this within 24 hours" in notice.facts["reason"]

    def test_while_a_session_still_sends_nothing_expires(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door
    ):
        *others, changes = make().files
        alice.sftp(changes, *others[1:])
        with connected(alice, door) as transport, paramiko.SFTPClient.from_transport(transport) as client:
            with client.open(f"/incoming/{others[0].name}", "w") as file:
                file.write(others[0].read_bytes())
                file.flush()
                door.ahead = timedelta(hours=1)
                door.look()
            assert door.where(key_of(door)) == "review/ready"
        assert door.told("refused") == []

    def test_what_a_dead_server_left_whole_is_taken(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door
    ):
        *others, changes = make().files
        alice.sftp(*others)
        path = door.site.uploading / "alice" / changes.name
        path.write_bytes(changes.read_bytes())
        os.chmod(path, 0o444)
        door.look()
        assert door.where(key_of(door)) == "review/ready"


class TestKeys:
    def revoked(self, person: Person, into: Path) -> bytes:
        """Give a copy of somebody's certificate that says it is revoked, made in a gpg home of its own."""
        home = Path(str(person.gnupg) + "x")
        run(["cp", "-r", person.gnupg, home])
        gpg = ["gpg", "--homedir", home, "--batch"]
        revocation = home / "openpgp-revocs.d" / f"{person.fingerprint}.rev"
        text = revocation.read_text().replace(":-----BEGIN", "-----BEGIN")
        run([*gpg, "--import"], stdin=text.encode())
        run([*gpg, "--armor", "--output", into, "--export", person.fingerprint])
        run(["gpgconf", "--homedir", home, "--kill", "all"])
        run(["rm", "-rf", home])
        return into.read_bytes()

    def test_what_a_revoked_key_signed_is_held_when_the_newer_copy_comes(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door, tmp_path: Path
    ):
        alice.dput(make())
        key = key_of(door)
        door.look()
        assert door.where(key) == "review/ready"
        door.site.people.update_uploader("alice", door.now(), None, self.revoked(alice.person, tmp_path / "new.asc"))
        assert [one.key for one in desk(door).hold_doubtful(door.now())] == [key]
        assert door.where(key) == "review/hold"
        (notice,) = door.told("held")
        assert "is revoked" in notice.facts["reason"]
        ran = alice.sftp(*make(version="1.0-2").files, check=False)
        assert "is revoked" in ran.output
        with pytest.raises(BadSignature, match="is revoked"):
            People(tmp_path / "elsewhere").add_uploader(
                "alice", alice.person.ssh_public.read_bytes(), (tmp_path / "new.asc").read_bytes(), door.now()
            )

    def test_the_daemon_holds_what_a_removed_uploader_signed(
        self, alice: Uploader, make: Callable[..., SourceUpload], door: Door
    ):
        alice.dput(make())
        key = key_of(door)
        door.site.people.remove_uploader("alice")
        door.look()
        assert door.where(key) == "review/hold"
