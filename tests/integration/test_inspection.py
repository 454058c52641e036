"""Intake and desk on real uploads: dpkg-buildpackage -S makes them, gpg signs them, and each is tampered with."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from queues.layout import Spool
from queues.rooms import Room
from queues.values import FileRef, Suite
from review import cases
from review.desk import Desk, NotAllowed
from review.facts import Facts
from review.intake import consider, consider_all
from review.people import People
from review.person import UnknownPerson
from review.verdicts import Refused, Stored, Taken, Verdict, Waiting
from tests.support.people import Person
from tests.support.small import Small
from tests.support.sources import SourceUpload, build_source, changelog_entry
from tests.support.tools import run

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC)


class Shelf:
    """An archive for the tests: what it holds is said by hand."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], str] = {}
        self.names: dict[str, str] = {}
        self.pool: dict[FileRef, Path] = {}

    def version_of(self, suite: str, source: str) -> str | None:
        return self.versions.get((suite, source))

    def is_published(self, source: str, version: str) -> bool:
        return f"{source}_{version.rpartition(':')[2]}.dsc" in self.names

    def sha256_of(self, name: str) -> str | None:
        return self.names.get(name)

    def find(self, ref: FileRef) -> Path | None:
        return self.pool.get(ref)

    def publish(self, suite: str, upload: SourceUpload) -> None:
        """Be an archive that holds this upload's source."""
        self.versions[suite, upload.source] = upload.version
        text = upload.changes.read_text()
        for sha256, size, name in re.findall(r"(?m)^ ([0-9a-f]{64}) (\d+) (\S+)$", text):
            self.names[name] = sha256
            self.pool[FileRef(name, int(size), sha256)] = upload.changes.parent / name


class Place:
    """A site without daemons: the spool, alice's area, and what intake knows."""

    def __init__(self, root: Path, alice: Person) -> None:
        self.shelf = Shelf()
        self.spool = Spool(root)
        self.spool.create(["amd64"])
        self.area = root / "uploading" / "alice"
        self.area.mkdir(parents=True)
        self.people = People(root / "keys")
        self.people.add_uploader("alice", alice.ssh_public.read_bytes(), alice.certificate.read_bytes(), NOW)
        self.people.add_reviewer("rita", "rita@example.org")
        suites = {
            "demo": Suite("demo", accepts=("unstable",), architectures=("amd64", "i386")),
            "other": Suite("other"),
        }
        self.facts = Facts(self.spool, self.people, suites, self.shelf)
        self.desk = Desk(self.spool, self.people, suites)

    def bring(self, *files: Path) -> Verdict:
        """Copy files into the area, one after another, and give the last verdict."""
        verdict: Verdict = Stored()
        for file in files:
            shutil.copy(file, self.area)
            (self.area / file.name).chmod(0o444)
            verdict = consider(self.area, file.name, "alice", self.facts, datetime.now(UTC))
        return verdict

    def refused(self, rule: str, *files: Path) -> str:
        """Bring files that must be refused under a rule, and give the reason."""
        verdict = self.bring(*files)
        assert isinstance(verdict, Refused), verdict
        assert verdict.rule == rule, verdict.reason
        assert list(self.area.iterdir()) == []
        assert self.spool.review.names(Room.READY) == [] or rule not in ("signature", "checksum")
        return verdict.reason

    def taken(self, *files: Path) -> Taken:
        """Bring files that must be taken."""
        verdict = self.bring(*files)
        assert isinstance(verdict, Taken), verdict
        return verdict


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("people")


@pytest.fixture(scope="module")
def alice(folder: Path) -> Iterator[Person]:
    person = Person("alice", folder)
    yield person
    person.close()


@pytest.fixture(scope="module")
def mallory(folder: Path) -> Iterator[Person]:
    person = Person("mallory", folder)
    yield person
    person.close()


@pytest.fixture
def place(tmp_path: Path, alice: Person) -> Place:
    return Place(tmp_path / "site", alice)


@pytest.fixture
def make(tmp_path: Path, alice: Person) -> Callable[..., SourceUpload]:
    def make(version: str = "1.0-1", suite: str = "demo", *, orig: bool = True, by: Person = alice) -> SourceUpload:
        epoch, _, rest = version.rpartition(":")
        upload = Small("tiny", rest).upload(suite, by, tmp_path / f"work{epoch}", orig=orig)
        return with_epoch(upload, epoch, suite, by) if epoch else upload

    return make


def with_epoch(upload: SourceUpload, epoch: str, suite: str, by: Person) -> SourceUpload:
    """Build an upload again with an epoch before its version."""
    tree, version = upload.changes.parent / "tree", f"{epoch}:{upload.version}"
    (tree / "debian/changelog").write_text(changelog_entry(upload.source, version, suite, by))
    return build_source(tree, upload.source, version, by)


def signed_again(changes: Path, by: Person, edit: Callable[[str], str], *options: str) -> Path:
    """Edit a signed text and sign it again."""
    text = run(["gpg", "--batch", "--quiet", "--decrypt", changes], env=by.env).output
    body = edit(text[text.index("Format:") : text.index("gpg: Signature")] if "gpg: Signature" in text else text)
    changes.unlink()
    words = ["gpg", "--batch", *options, "-u", by.fingerprint, "--clearsign", "--output", changes]
    run(words, env=by.env, stdin=body.encode())
    return changes


class TestTaken:
    def test_a_whole_upload_is_in_review_with_all_its_files(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        taken = place.taken(*upload.files)
        (name,) = place.spool.review.names(Room.READY)
        content = place.spool.review.peek(Room.READY, name)
        assert (content.source, content.version, content.suite) == ("tiny", "1.0-1", "demo")
        assert name.key == taken.key
        files = place.spool.review.where(Room.READY, name) / "files"
        assert {path.name for path in files.iterdir()} == {path.name for path in upload.files}
        assert all(path.stat().st_mode & 0o777 == 0o444 for path in files.iterdir())
        assert {ref.name for ref in content.files} == {path.name for path in upload.files}
        assert list(place.area.iterdir()) == []

    def test_the_last_file_carries_the_verdict_whichever_it_is(self, place: Place, make: Callable[..., SourceUpload]):
        *others, changes = make().files
        waiting = place.bring(changes, *others[:-1])
        assert waiting == Waiting(changes.name, (others[-1].name,))
        assert isinstance(place.bring(others[-1]), Taken)

    def test_a_file_without_changes_is_only_stored(self, place: Place, make: Callable[..., SourceUpload]):
        assert place.bring(make().dsc) == Stored()

    def test_a_distribution_that_a_suite_accepts_lands_there(self, place: Place, make: Callable[..., SourceUpload]):
        assert place.taken(*make(suite="unstable").files).suite == "demo"

    def test_a_scan_takes_what_nobody_judged(self, place: Place, make: Callable[..., SourceUpload]):
        for file in make().files:
            shutil.copy(file, place.area)
        assert [type(one) for one in consider_all(place.area, "alice", place.facts, NOW)] == [Taken]

    def test_what_a_dead_server_left_half_taken_is_no_hindrance(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        (place.area / ".taking").mkdir()
        (place.area / ".taking" / upload.changes.name).write_text("half")
        place.taken(*upload.files)

    @pytest.mark.parametrize("form", ["3.0 (native)", "1.0"])
    def test_native_sources(self, form: str, place: Place, alice: Person, tmp_path: Path):
        place.taken(*native(tmp_path, alice, form).files)


def native(tmp_path: Path, by: Person, form: str) -> SourceUpload:
    tree = tmp_path / "native" / "tree"
    Small("tiny").upload("demo", by, tmp_path / "quilt")
    shutil.copytree(tmp_path / "quilt" / "tiny_1.0-1" / "tree", tree)
    (tree / "debian/source/format").write_text(form + "\n")
    (tree / "debian/changelog").write_text(changelog_entry("tiny", "7", "demo", by))
    return build_source(tree, "tiny", "7", by)


class TestSignature:
    def test_a_foreign_key(self, place: Place, mallory: Person, make: Callable[..., SourceUpload]):
        assert mallory.fingerprint in place.refused("signature", *make(by=mallory).files)

    def test_text_before_the_signed_message(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        upload.changes.write_text("Source: evil\n" + upload.changes.read_text())
        assert "before the signed message" in place.refused("signature", *upload.files)

    def test_text_after_the_signed_message(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        upload.changes.write_text(upload.changes.read_text() + "Source: evil\n")
        assert "after the signed message" in place.refused("signature", *upload.files)

    def test_a_second_message(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        upload.changes.write_text(upload.changes.read_text() * 2)
        assert "exactly one may stand" in place.refused("signature", *upload.files)

    def test_a_second_paragraph_under_the_signature(
        self, place: Place, alice: Person, make: Callable[..., SourceUpload]
    ):
        upload = make()
        signed_again(upload.changes, alice, lambda text: text.replace("\nSource:", "\n\nSource:", 1))
        assert "2 paragraphs" in place.refused("paragraph", upload.changes)

    def test_a_field_that_stands_twice(self, place: Place, alice: Person, make: Callable[..., SourceUpload]):
        upload = make()
        signed_again(upload.changes, alice, lambda text: text.replace("\nSource:", "\nsource: evil\nSource:", 1))
        assert "stands twice" in place.refused("paragraph", upload.changes)

    def test_text_changed_after_signing(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        upload.changes.write_text(upload.changes.read_text().replace("Source: tiny", "Source: tint"))
        assert "changed after signing" in place.refused("signature", upload.changes)

    def test_no_signature(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        upload.changes.write_text("Format: 1.8\nSource: tiny\n")
        assert "not clearsigned" in place.refused("signature", upload.changes)

    def test_too_old_and_from_the_future_name_both_clocks(self, place: Place, make: Callable[..., SourceUpload]):
        # gpg would make no signature before its key was made; so it is our clock that is moved.
        for days, words in ((40, "older than 30 days"), (-1, "from the future")):
            file = make(f"1.{days + 1}-1").changes
            shutil.copy(file, place.area)
            verdict = consider(place.area, file.name, "alice", place.facts, NOW + timedelta(days=days))
            assert isinstance(verdict, Refused)
            assert words in verdict.reason
            assert f"{NOW + timedelta(days=days):%Y-%m-%d}" in verdict.reason
            assert f"{NOW:%Y-%m-%d}" in verdict.reason


class TestRights:
    def test_a_package_or_a_suite_that_is_not_the_signers(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        place.people.update_uploader("alice", NOW, packages=("other*", "tin"), suites=("demo",))
        reason = place.refused("rights", *upload.files)
        assert "alice may not upload tiny to demo, only other*, tin to demo" in reason
        place.people.update_uploader("alice", NOW, packages=("ti*",), suites=("other",))
        assert "only ti* to other" in place.refused("rights", *upload.files)
        place.people.update_uploader("alice", NOW, suites=("de*",))
        place.taken(*upload.files)

    def test_an_account_that_carries_for_another_is_recorded_or_refused(
        self, place: Place, mallory: Person, make: Callable[..., SourceUpload]
    ):
        place.people.add_uploader("bob", mallory.ssh_public.read_bytes(), mallory.certificate.read_bytes(), NOW)
        upload = make(by=mallory)
        facts, place.facts = place.facts, replace(place.facts, signer_is_account=True)
        assert "signed by bob, but sent by alice" in place.refused("rights", *upload.files)
        place.facts = facts
        place.taken(*upload.files)
        (name,) = place.spool.review.names(Room.READY)
        content = place.spool.review.peek(Room.READY, name)
        assert (content.uploader, content.signer) == ("alice", mallory.fingerprint.lower())


class TestContents:
    def test_a_tarball_changed_after_signing_names_both_hashes(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        tarball = next(path for path in upload.files if ".debian.tar." in path.name)
        tarball.write_bytes(tarball.read_bytes() + b"!")
        assert tarball.name in place.refused("checksum", *upload.files)
        assert place.spool.review.names(Room.READY) == []

    def test_the_refused_upload_may_be_sent_again_as_it_is(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        tarball = next(path for path in upload.files if ".debian.tar." in path.name)
        good = tarball.read_bytes()
        tarball.write_bytes(b"cut")
        place.refused("checksum", *upload.files)
        tarball.write_bytes(good)
        place.taken(*upload.files)

    def test_a_binary_upload_is_told_how_to_build(self, place: Place, alice: Person, make: Callable[..., SourceUpload]):
        upload = make()
        signed_again(upload.changes, alice, lambda text: text.replace(": source\n", ": source amd64\n", 1))
        assert "dpkg-buildpackage -S" in place.refused("source-only", upload.changes)

    @pytest.mark.parametrize("field", ["Maintainer", "Changed-By"])
    def test_a_control_character(self, field: str, place: Place, alice: Person, make: Callable[..., SourceUpload]):
        upload = make()
        signed_again(upload.changes, alice, lambda text: text.replace(f"\n{field}: ", f"\n{field}: \x1b[2J", 1))
        reason = place.refused("text", upload.changes)
        assert "U+001B" in reason
        assert field in reason
        assert "\x1b" not in reason

    @pytest.mark.parametrize(
        ("distribution", "words"),
        [("UNRELEASED", "dch -r"), ("demo other", "several"), ("sid", "unstable")],
    )
    def test_a_distribution_that_goes_nowhere(
        self, distribution: str, words: str, place: Place, alice: Person, make: Callable[..., SourceUpload]
    ):
        upload = make()
        line = f"\nDistribution: {distribution}\n"
        signed_again(upload.changes, alice, lambda text: text.replace("\nDistribution: demo\n", line, 1))
        assert words in place.refused("suite", upload.changes)

    def test_a_component_that_the_suite_lacks(self, place: Place, alice: Person, make: Callable[..., SourceUpload]):
        upload = make()
        signed_again(upload.changes, alice, lambda text: text.replace(" misc optional ", " contrib/misc optional "))
        assert "'contrib'" in place.refused("component", upload.changes)

    def test_a_dsc_of_another_version(self, place: Place, alice: Person, make: Callable[..., SourceUpload]):
        upload = make()
        upload.dsc.write_text(upload.dsc.read_text().replace("Version: 1.0-1\n", "Version: 1.0-2\n"))
        agree(upload, alice)
        assert "1.0-2" in place.refused("dsc", *upload.files)

    def test_a_dsc_that_is_not_signed_is_as_good(self, place: Place, alice: Person, make: Callable[..., SourceUpload]):
        upload = make()
        text = upload.dsc.read_text()
        upload.dsc.write_text(text[text.index("Format:") : text.index("-----BEGIN PGP SIGNATURE")].rstrip() + "\n")
        agree(upload, alice)
        place.taken(*upload.files)

    def test_a_format_the_suite_does_not_take(self, place: Place, make: Callable[..., SourceUpload]):
        suites = {"demo": Suite("demo", formats=("3.0 (native)",))}
        place.facts = replace(place.facts, suites=suites)
        assert "3.0 (quilt)" in place.refused("format", *make().files)

    def test_nothing_to_build_for_the_suite(self, place: Place, make: Callable[..., SourceUpload]):
        place.facts = replace(place.facts, suites={"demo": Suite("demo", architectures=())})
        assert "nothing to build" in place.refused("architectures", *make().files)


def agree(upload: SourceUpload, by: Person) -> None:
    """Make the .changes agree with a .dsc that was edited."""
    edited = Path(upload.dsc)
    sums = {tool: run([f"{tool}sum", edited]).output.split()[0] for tool in ("md5", "sha1", "sha256")}
    size = str(edited.stat().st_size)

    def edit(text: str) -> str:
        for length, tool in ((64, "sha256"), (40, "sha1"), (32, "md5")):
            line = rf"(?m)^ [0-9a-f]{{{length}}} \d+ ((?:\S+ \S+ )?{re.escape(edited.name)})$"
            text = re.sub(line, rf" {sums[tool]} {size} \1", text)
        return text

    signed_again(upload.changes, by, edit)


class TestOrigs:
    def test_found_in_the_pool(self, place: Place, make: Callable[..., SourceUpload]):
        place.shelf.publish("demo", make("1.0-1"))
        place.taken(*make("1.0-2", orig=False).files)
        (name,) = place.spool.review.names(Room.READY)
        orig = place.spool.review.where(Room.READY, name) / "files" / "tiny_1.0.orig.tar.xz"
        assert orig.is_file()
        assert orig.name in {ref.name for ref in place.spool.review.peek(Room.READY, name).files}

    def test_found_with_an_earlier_upload_in_the_queues(self, place: Place, make: Callable[..., SourceUpload]):
        place.taken(*make("1.0-1").files)
        place.taken(*make("1.0-2", orig=False).files)
        newest = place.spool.review.names(Room.READY)[-1]
        assert (place.spool.review.where(Room.READY, newest) / "files" / "tiny_1.0.orig.tar.xz").is_file()

    def test_found_nowhere(self, place: Place, make: Callable[..., SourceUpload]):
        assert "dpkg-buildpackage -S -sa" in place.refused("missing", *make("1.0-2", orig=False).files)

    def test_the_same_name_with_another_hash(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make("1.0-2")
        place.shelf.names["tiny_1.0.orig.tar.xz"] = "0" * 64
        reason = place.refused("content", *upload.files)
        assert "0" * 64 in reason
        assert run(["sha256sum", upload.dsc.parent / "tiny_1.0.orig.tar.xz"]).output.split()[0] in reason


class TestVersions:
    def test_a_replay_of_what_was_taken(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        place.taken(*upload.files)
        assert "dput sends it again only with -f" in place.refused("replay", *upload.files)

    def test_a_replay_in_another_armor(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        place.taken(*upload.files)
        place.desk.reject("tiny", "rita", "no", NOW)
        text = upload.changes.read_text()
        armored = re.search(r"(?s)SIGNATURE-----\n\n(.*?)\n=", text)
        assert armored is not None
        raw = base64.b64encode(base64.b64decode(armored[1])).decode()
        folded = "\n".join(raw[at : at + 48] for at in range(0, len(raw), 48))
        assert folded != armored[1]
        upload.changes.write_text(text.replace(armored[1], folded))
        place.refused("replay", *upload.files)

    def test_after_a_reject_the_same_version_comes_with_a_new_signature(
        self, place: Place, alice: Person, make: Callable[..., SourceUpload]
    ):
        upload = make()
        place.taken(*upload.files)
        place.desk.reject("tiny", "rita", "no", NOW)
        later = f"{NOW + timedelta(seconds=90):%Y%m%dT%H%M%S}"
        signed_again(upload.changes, alice, lambda text: text, "--faked-system-time", later)
        place.taken(*upload.files)

    def test_the_same_version_while_one_is_on_its_way(
        self, place: Place, alice: Person, make: Callable[..., SourceUpload]
    ):
        upload = make()
        place.taken(*upload.files)
        signed_again(upload.changes, alice, lambda text: text.replace("demo", "other"))
        assert "review/ready" in place.refused("pending", *upload.files)

    def test_a_version_that_is_not_higher_than_one_in_the_queue(self, place: Place, make: Callable[..., SourceUpload]):
        place.taken(*make("1.0-2").files)
        place.desk.accept("tiny", "rita", NOW)
        assert "1.0-2 (master/ready)" in place.refused("version", *make("1.0-1").files)

    def test_a_version_that_is_published(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        place.shelf.publish("demo", upload)
        place.refused("published", *upload.files)

    def test_a_version_that_is_published_in_another_suite(self, place: Place, make: Callable[..., SourceUpload]):
        upload = make()
        place.shelf.publish("other", upload)
        assert "promote or copy it" in place.refused("published", *upload.files)

    def test_a_version_that_differs_in_its_epoch_only(self, place: Place, make: Callable[..., SourceUpload]):
        place.taken(*make("1:1.0-1").files)
        assert "share their file names" in place.refused("epoch", *make("2:1.0-1").files)

    def test_a_higher_epoch_with_another_version(self, place: Place, make: Callable[..., SourceUpload]):
        place.taken(*make("1:1.0-1").files)
        assert place.taken(*make("2:0.9-1").files).version == "2:0.9-1"


class TestDesk:
    def test_accepting_is_the_move_to_the_master_queue(self, place: Place, make: Callable[..., SourceUpload]):
        taken = place.taken(*make().files)
        place.desk.accept("tiny_1.0-1", "rita", NOW)
        assert place.spool.review.find(taken.key) is None
        (name,) = place.spool.master.names(Room.READY)
        assert name.key == taken.key
        told = [place.spool.notices.peek(Room.READY, name) for name in place.spool.notices.names(Room.READY)]
        assert [(one.event, one.recipients, one.facts["by"]) for one in told] == [
            ("received", ("alice@example.org", "rita@example.org"), "alice"),
            ("accepted", ("alice@example.org",), "rita"),
        ]

    def test_rejecting_keeps_the_reason_and_tells_the_uploader(self, place: Place, make: Callable[..., SourceUpload]):
        taken = place.taken(*make().files)
        place.desk.reject(taken.key, "rita", "not free", NOW)
        assert [name.key for name in place.spool.review.names(Room.REJECTED)] == [taken.key]
        *_, notice = place.spool.notices.names(Room.READY)
        assert place.spool.notices.peek(Room.READY, notice).facts == {"by": "rita", "reason": "not free"}

    def test_a_held_case_is_released_before_it_is_accepted(self, place: Place, make: Callable[..., SourceUpload]):
        place.taken(*make().files)
        place.desk.hold("tiny", "rita", "let me think", NOW)
        with pytest.raises(NotAllowed, match="review release"):
            place.desk.accept("tiny", "rita", NOW)
        place.desk.release("tiny", "rita", NOW)
        place.desk.accept("tiny", "rita", NOW)

    def test_only_a_reviewer_decides_and_only_for_the_own_suites(self, place: Place, make: Callable[..., SourceUpload]):
        place.taken(*make().files)
        place.people.add_reviewer("otto", "otto@example.org", ("other",))
        with pytest.raises(UnknownPerson, match="not a reviewer"):
            place.desk.accept("tiny", "mallory", NOW)
        with pytest.raises(NotAllowed, match="only to other"):
            place.desk.accept("tiny", "otto", NOW)
        assert len(place.spool.review.names(Room.READY)) == 1

    def test_an_ambiguous_name_lists_the_candidates(self, place: Place, make: Callable[..., SourceUpload]):
        place.taken(*make("1.0-1").files)
        place.taken(*make("1.0-2").files)
        with pytest.raises(cases.NoCase, match=r"tiny_1\.0-1, tiny_1\.0-2"):
            place.desk.accept("tiny", "rita", NOW)

    def test_what_a_removed_uploader_signed_is_held(self, place: Place, make: Callable[..., SourceUpload]):
        place.taken(*make().files)
        place.people.remove_uploader("alice")
        with pytest.raises(NotAllowed, match="no longer an uploader"):
            place.desk.accept("tiny", "rita", NOW)
        assert len(place.spool.review.names(Room.HOLD)) == 1

    def test_a_reviewer_sees_that_an_upload_is_not_the_maintainers(
        self, place: Place, alice: Person, make: Callable[..., SourceUpload]
    ):
        upload = make()
        line = "\nChanged-By: Bob Example <bob@example.org>\n"
        signed_again(upload.changes, alice, lambda text: re.sub(r"\nChanged-By: .*\n", line, text))
        place.taken(*upload.files)
        dossier = cases.dossier(cases.find(place.spool, "tiny"), place.facts.suites["demo"], None)
        assert dossier.non_maintainer
        assert dossier.changed_by == "Bob Example <bob@example.org>"

    def test_the_dossier_tells_who_what_and_where(self, place: Place, make: Callable[..., SourceUpload]):
        place.taken(*make().files)
        dossier = cases.dossier(cases.find(place.spool, "tiny"), place.facts.suites["demo"], "0.9-1")
        assert dossier.architectures == ("amd64", "i386")
        assert not dossier.non_maintainer
        assert "Rebuilt" in dossier.changes
        assert dossier.history[0].event == "taken"
