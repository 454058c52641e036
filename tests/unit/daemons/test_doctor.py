"""`debmill doctor`: everything that can be wrong is done to a site, found, and repaired where nothing can be lost."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive.signing import ArchiveKey, Signed
from daemons import account, samples, settings
from daemons.building.roots import entering
from daemons.command import command
from daemons.deciding.asking import PLAN
from daemons.doctor import examination, keys, machine, repairs
from daemons.doctor.repairs import REPAIRS
from daemons.sites import Site
from queues import locks
from queues.checking.digests import Digests
from queues.checking.findings import Finding, Severity, examine
from queues.outcomes import Done
from queues.rooms import Room
from tests.support import ailing
from tests.support.ailing import NOW

LEFTOVERS = ("leftover", "not-emptied", "unfinished")  # what nobody needs


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("doctor") / "site"
    ailing.well(path)
    yield path
    shutil.rmtree(path.parent)


@pytest.fixture(scope="module")
def probe(template: Path) -> list[Signed]:
    return Site(template).repository.key.sign([keys.PROBE])


@pytest.fixture
def site(template: Path, probe: list[Signed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    real = ArchiveKey.sign

    def sign(key: ArchiveKey, texts: Sequence[bytes]) -> list[Signed]:
        """Spare each test the start of an agent for the same signature, as long as the key is there."""
        known = texts == [keys.PROBE] and (key.home / "private-keys-v1.d").is_dir()
        return probe if known else real(key, texts)

    monkeypatch.setattr(ArchiveKey, "sign", sign)
    # Whether this account may make environments is the machine's affair.
    monkeypatch.setattr(machine, "namespaces", list)
    shutil.copytree(template, tmp_path / "site", symlinks=True)
    return Site(tmp_path / "site")


def later() -> datetime:
    """After all that a test has done by the machine's own clock."""
    return datetime.now(UTC) + timedelta(minutes=1)


def found(site: Site, now: datetime | None = None, *, quick: bool = False) -> list[Finding]:
    return examination.findings(Site(site.path), Digests(quick=quick), now or later(), pause=lambda: None)


def told(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(one.what, one.severity.value) for one in findings}


def entry(site: Site, queue: str, source: str) -> Path:
    (path,) = (site.spool.path / queue).glob(f"*.{source}_*")
    return path


def one_file(path: Path) -> Path:
    (file,) = (path / "files").iterdir()
    return file


def rewrite(path: Path, content: bytes) -> None:
    mode = path.stat().st_mode
    path.unlink()  # it may have other names, which stay as they are
    path.write_bytes(content)
    path.chmod(mode)


def index(site: Site) -> Path:
    return (site.archive / "dists/demo/main/binary-amd64/Packages.gz").resolve()


def deb(site: Site) -> Path:
    return site.archive / "pool/main/t/tiny/tiny_1.0_amd64.deb"


def test_nothing_is_wrong_with_a_site_that_works(site: Site) -> None:
    assert found(site) == []


# --- each thing that can be wrong: what is done to the site, what is said of it -------------------------------

Hurt = Callable[[Site], object]


def copied(site: Site, source: str, queue: str, to: str) -> None:
    path = entry(site, queue, source)
    shutil.copytree(path, site.spool.path / to / path.name)


def moved(site: Site, source: str, queue: str, to: str) -> Path:
    path = entry(site, queue, source)
    return path.rename(site.spool.path / to / path.name)


def linked_entry(site: Site) -> None:
    path = entry(site, "review/ready", "fresh")
    away = path.rename(site.path / "away")
    path.symlink_to(away)


def other_name(site: Site) -> None:
    path = entry(site, "review/ready", "fresh")
    path.rename(path.with_name(path.name.replace("fresh", "french")))


def other_architecture(site: Site) -> None:
    path = entry(site, "build/amd64/ready", "ready")
    path.rename(site.spool.path / "build/i386/hold" / path.name)


def history_is_a_link(site: Site) -> None:
    path = entry(site, "review/ready", "fresh") / "history"
    path.unlink()
    path.symlink_to("/etc/passwd")


def deferred(site: Site, until: str) -> None:
    with site.spool.build("amd64").claim() as job:
        assert job is not None
        job.note("deferred", until=until, reason="the mirror is away")
        job.move(job.queue, Room.DEFERRED)


def done_with_files(site: Site) -> None:
    with site.spool.build("amd64").claim() as job:
        assert job is not None
        key = job.name.key
        job.settle(Done("built"))
    path = entry(site, "build/amd64/done", key.partition("_")[0])
    (path / "files").mkdir()
    (path / "files" / "left").write_text("over")
    moved(site, "ready", "master/waiting", "master/failed")  # so that nobody waits for this job


def job_is_gone(site: Site) -> None:
    shutil.rmtree(entry(site, "build/amd64/ready", "ready"))


def job_is_done(site: Site) -> None:
    with site.spool.build("amd64").claim() as job:
        assert job is not None
        job.settle(Done("no longer wanted"))


def no_result(site: Site) -> None:
    (entry(site, "build/i386/failed", "half") / "result").unlink()


def torn_plan(site: Site) -> None:
    rewrite(entry(site, "master/waiting", "half") / PLAN, b'{"format": 1')


def lost_link(site: Site) -> None:
    (site.archive / "dists/demo").unlink()


def dangling_link(site: Site) -> None:
    lost_link(site)
    (site.archive / "dists/demo").symlink_to("../snapshots/20200101T000000Z/dists/demo")


def unfinished(site: Site) -> None:
    (site.archive / "snapshots/.new/dists").mkdir(parents=True)
    (site.archive / "dists/.demo.new").symlink_to("../snapshots/nowhere")


def half_committed(site: Site) -> None:
    before = os.readlink(site.archive / "dists/demo")
    site.repository.publish(["demo"], NOW)
    lost_link(site)
    (site.archive / "dists/demo").symlink_to(before)


def never_linked(site: Site) -> None:
    links = [site.archive / name for name in ("opkg/demo", "dists/demo", "dists/demo-debug")]
    before = {link: os.readlink(link) for link in links}
    site.repository.publish(["demo"], NOW)
    for link, target in before.items():
        link.unlink()
        link.symlink_to(target)


def other_index(site: Site) -> None:
    rewrite(index(site), gzip.compress(b"Package: evil\n"))


def no_by_hash(site: Site) -> None:
    for path in (index(site).parent / "by-hash/SHA256").iterdir():
        path.unlink()


def other_release(site: Site) -> None:
    path = site.archive / "dists/demo/Release"
    rewrite(path, path.read_bytes().replace(b"Label: debmill", b"Label: debbill"))


def no_snapshot_pool(site: Site) -> None:
    (next((site.archive / "snapshots").glob("2*")) / "pool").unlink()


def forgotten(site: Site) -> None:
    path = site.archive / "snapshots/published.sha256"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if ".deb" not in line))


def feed(site: Site) -> Path:
    return (site.archive / "opkg/demo/main/amd64").resolve()


def ipk(site: Site) -> Path:
    return deb(site).with_suffix(".ipk")


def feeds_of_before(site: Site) -> None:
    before = min(path.name for path in (site.archive / "snapshots").glob("*Z"))
    (site.archive / "opkg/demo").unlink()
    (site.archive / "opkg/demo").symlink_to(f"../snapshots/{before}/opkg/demo")


def feeds_ahead(site: Site) -> None:
    before = {name: os.readlink(site.archive / "dists" / name) for name in ("demo", "demo-debug")}
    site.repository.publish(["demo"], NOW)
    for name, target in before.items():
        (site.archive / "dists" / name).unlink()
        (site.archive / "dists" / name).symlink_to(target)


def no_link(site: Site) -> None:
    (site.archive / "opkg/demo").unlink()
    (site.archive / "opkg/demo").mkdir()


def recorded_otherwise(site: Site) -> None:
    path = site.archive / "snapshots/published.sha256"
    digest = hashlib.sha256(deb(site).read_bytes()).hexdigest()
    path.write_text(path.read_text().replace(digest, "0" * 64))


def other_public_key(site: Site) -> None:
    shutil.copy(site.keys / "uploaders/ulla/openpgp.asc", site.archive / "keys/archive.gpg")


def no_room_left(site: Site) -> None:
    rules = site.settings
    (site.path / settings.FILE).write_text(
        samples.sample(dict(rules.suites), type(rules)(intake=settings.Intake(free_space=1 << 62)))
    )


CASES: list[tuple[str, str, Hurt]] = [
    ("missing", "repairable", lambda site: (site.spool.path / "review/hold").rmdir()),
    ("missing", "repairable", lambda site: shutil.rmtree(site.spool.path / "build/all")),
    ("missing", "repairable", lambda site: site.uploading.rmdir()),
    ("stranger", "harmless", lambda site: (site.spool.path / "review/ready/notes.txt").write_text("mine")),
    ("stranger", "harmless", lambda site: (site.spool.path / "build/amd64/limbo").mkdir()),
    ("stranger", "harmless", lambda site: (site.spool.path / "build/notes").mkdir()),
    ("stranger", "harmless", lambda site: (entry(site, "review/ready", "fresh") / "files/more").write_text("")),
    ("stranger", "broken", linked_entry),
    ("twice", "broken", lambda site: copied(site, "fresh", "review/ready", "review/hold")),
    ("twice", "broken", lambda site: copied(site, "fresh", "review/ready", "archive/ready")),
    ("envelope", "broken", lambda site: rewrite(entry(site, "review/ready", "fresh") / "history", b'{"format": 1,')),
    ("envelope", "broken", lambda site: (entry(site, "master/waiting", "half") / "history").unlink()),
    ("envelope", "broken", other_name),
    ("envelope", "broken", other_architecture),
    ("envelope", "broken", history_is_a_link),
    ("envelope", "broken", lambda site: (entry(site, "review/ready", "fresh") / "history").write_text("what\n")),
    ("corrupt", "broken", lambda site: moved(site, "fresh", "review/ready", "review/corrupt")),
    ("file", "broken", lambda site: one_file(entry(site, "review/ready", "fresh")).unlink()),
    ("file", "broken", lambda site: rewrite(one_file(entry(site, "review/ready", "fresh")), b"short")),
    ("file", "broken", lambda site: rewrite(one_file(entry(site, "archive/parts", "half")), b"x" * 34)),
    ("unsealed", "repairable", lambda site: one_file(entry(site, "review/ready", "fresh")).chmod(0o644)),
    ("abandoned", "repairable", lambda site: moved(site, "fresh", "review/ready", "review/active")),
    ("leftover", "repairable", lambda site: moved(site, "fresh", "review/ready", "review/tmp").rename(
        site.spool.path / "review/tmp/1700000000000000.fresh_1.0~0123456789ab.deadbeef")),
    ("held", "harmless", lambda site: moved(site, "fresh", "review/ready", "review/hold")),
    ("deferred", "harmless", lambda site: deferred(site, "2100-01-01T00:00:00+00:00")),
    ("deferred", "harmless", lambda site: deferred(site, "soon")),
    ("not-emptied", "repairable", done_with_files),
    ("undispatched", "repairable", lambda site: (entry(site, "master/waiting", "half") / PLAN).unlink()),
    ("undispatched", "repairable", job_is_gone),
    ("unbuilt", "broken", job_is_done),
    ("unbuilt", "broken", no_result),
    ("plan", "broken", torn_plan),
    ("orphan", "harmless", lambda site: moved(site, "ready", "master/waiting", "master/failed")),
    ("orphan", "harmless", lambda site: moved(site, "half", "master/waiting", "master/failed")),
    ("link", "broken", lost_link),
    ("link", "broken", dangling_link),
    ("link", "broken", no_snapshot_pool),
    ("unfinished", "repairable", unfinished),
    ("unfinished", "repairable", half_committed),
    ("unfinished", "repairable", never_linked),
    ("index", "broken", other_index),
    ("index", "broken", no_by_hash),
    ("signature", "broken", other_release),
    ("signature", "broken", lambda site: rewrite(site.archive / "dists/demo-debug/InRelease", b"")),
    ("signature", "broken", lambda site: rewrite(site.archive / "dists/demo/Release.gpg", b"signature")),
    ("feed", "broken", lambda site: rewrite(feed(site) / "index.json", b"{}")),
    ("feed", "broken", lambda site: (feed(site) / "Packages.gz").unlink()),
    ("feed", "broken", lambda site: (feed(site) / "sha256sums").unlink()),
    ("signature", "broken", lambda site: rewrite(feed(site) / "Packages.sig", b"")),
    ("signature", "broken", lambda site: rewrite(feed(site) / "Packages.asc", b"")),
    ("signature", "broken", lambda site: next((site.archive / "keys").glob("*.pub")).unlink()),
    ("unfinished", "repairable", lambda site: (site.archive / "opkg/demo").unlink()),
    ("unfinished", "repairable", feeds_of_before),
    ("unfinished", "repairable", feeds_ahead),
    ("unfinished", "repairable", lambda site: (site.archive / "opkg/.demo.new").symlink_to("../snapshots/nowhere")),
    ("link", "broken", no_link),
    ("pool", "broken", lambda site: ipk(site).unlink()),
    ("pool", "broken", lambda site: deb(site).unlink()),
    ("pool", "broken", lambda site: rewrite(deb(site), deb(site).read_bytes()[::-1])),
    ("pool", "broken", recorded_otherwise),
    ("unrecorded", "repairable", forgotten),
    ("unnamed", "harmless", lambda site: shutil.copy(deb(site), deb(site).with_name("tiny_0.9_amd64.deb"))),
    ("published-mode", "repairable", lambda site: deb(site).chmod(0o600)),
    ("published-mode", "repairable", lambda site: index(site).parent.chmod(0o775)),
    ("open", "repairable", lambda site: (site.spool.path / "review/ready").chmod(0o777)),
    ("open", "repairable", lambda site: (site.keys / "uploaders/ulla/openpgp.asc").chmod(0o664)),
    ("secret", "repairable", lambda site: (site.keys / "archive").chmod(0o755)),
    ("secret", "repairable", lambda site: site.host_key.chmod(0o644)),
    ("secret", "repairable", lambda site: (site.keys / "feeds.sec").chmod(0o644)),
    ("key", "broken", lambda site: site.host_key.unlink()),
    ("key", "broken", lambda site: (site.archive / "keys/archive.gpg").unlink()),
    ("key", "broken", lambda site: shutil.rmtree(site.keys / "archive")),
    ("key", "broken", other_public_key),
    ("person", "broken", lambda site: (site.keys / "uploaders/ulla/uploader.json").write_text("{}")),
    ("base", "broken", lambda site: (site.environments / "bookworm-i386").unlink()),
    ("space", "broken", no_room_left),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: f"{CASES[number][0]}-{number}")
def test_what_is_wrong_is_found_and_repaired_where_nothing_can_be_lost(site: Site, number: int) -> None:
    what, severity, hurt = CASES[number]
    hurt(site)
    findings = found(site)
    before = contents(site.path, [one.where for one in findings if one.what in LEFTOVERS])

    assert (what, severity) in told(findings)
    assert severity == "broken" or "broken" not in {one.severity.value for one in findings}
    assert all(one.means and "\n" not in one.means for one in findings)
    said = list(repairs.repair(Site(site.path), findings))
    assert bool(said) == any(one.severity is Severity.REPAIRABLE for one in findings)
    assert before <= contents(site.path, [])
    if severity == "repairable":
        assert told(found(site)) <= {("orphan", "harmless")}


def contents(path: Path, without: list[str]) -> set[str]:
    """The hashes of all files; a history grows, so of each of its lines."""
    found = set()
    for file in path.rglob("*"):
        if file.is_file() and not any(file.is_relative_to(one) for one in without) and "run" not in file.parts:
            texts = file.read_bytes().splitlines() if file.suffix in ("", ".sha256", ".jsonl") else [file.read_bytes()]
            found |= {hashlib.sha256(text).hexdigest() for text in texts}
    return found


def test_every_repairable_finding_has_its_repair() -> None:
    assert {what for what, severity, _ in CASES if severity == "repairable"} == set(REPAIRS)


def test_a_suite_that_lost_its_link_loses_nothing_more(site: Site) -> None:
    site.repository.publish(["demo"], NOW)
    for name in ("demo", "demo-debug"):
        (site.archive / "dists" / name).unlink()
    findings = found(site)
    before = contents(site.path, [])

    assert list(repairs.repair(Site(site.path), findings)) == []
    assert contents(site.path, []) == before
    (link,) = [one for one in findings if one.where.endswith("dists/demo")]
    assert f"../snapshots/{NOW:%Y%m%dT%H%M%SZ}/dists/demo" in link.means


def test_what_time_brings(site: Site) -> None:
    after = found(site, NOW + timedelta(days=30))
    before = found(site, NOW - timedelta(days=1))

    assert told(after) == {("expired", "broken"), ("person", "broken")}
    assert "ulla" in next(one.means for one in after if one.what == "person")
    assert ("clock", "broken") in told(before)


@pytest.mark.parametrize("ran", [["sh", "-c", "echo no uid range >&2; exit 1"], ["no-such-tool"]])
def test_a_machine_without_namespaces_is_told(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entering, "mapped", lambda _: ran)
    (one,) = examine([machine.namespaces], pause=lambda: None)
    assert one.severity is Severity.BROKEN
    assert "no uid range" in one.means or "no-such-tool is not installed" in one.means


def test_few_watches_are_told(site: Site, tmp_path: Path) -> None:
    for name, limit in (("max_user_instances", 8), ("max_user_watches", 8000)):
        (tmp_path / name).write_text(f"{limit}\n")
    findings = examine(machine.looks(site, later(), tmp_path), pause=lambda: None)
    assert [(one.what, Path(one.where).name) for one in findings] == [("inotify", "max_user_instances")]


def test_quick_reads_no_packages(site: Site) -> None:
    rewrite(deb(site), deb(site).read_bytes()[::-1])
    assert found(site, quick=True) == []
    assert told(found(site)) == {("pool", "broken")}


def test_work_in_progress_is_no_finding(site: Site) -> None:
    tmp = site.spool.build("all").room(Room.TMP)
    with site.spool.review.claim() as claimed, site.repository._tree.lock(), locks.held(tmp):
        unfinished(site)
        (tmp / "1700000000000000.pkg_1.0~0123456789ab_all.deadbeef").mkdir()
        assert claimed is not None
        assert found(site) == []
    assert told(found(site)) == {("unfinished", "repairable"), ("leftover", "repairable")}


def test_what_is_gone_at_the_second_look_is_no_finding(site: Site) -> None:
    (site.spool.path / "review/hold").rmdir()
    again = (site.spool.path / "review/hold").mkdir
    assert examination.findings(Site(site.path), Digests(), later(), pause=again) == []


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    def look() -> Iterator[Finding]:
        raise OSError(5, "Input/output error", str(tmp_path / "a"))
        yield

    (one,) = examine([look], pause=lambda: None)
    assert (one.what, one.where, one.severity) == ("unreadable", str(tmp_path / "a"), Severity.BROKEN)


def test_the_command_says_it_in_lines_and_by_its_exit_status(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "give_up_root", lambda: None)  # the site is ours
    monkeypatch.setattr(examination, "MOMENT", 0)

    def doctor(*words: str) -> tuple[int, str]:
        ran = CliRunner().invoke(command, ["--site", str(site.path), "doctor", *words])
        return ran.exit_code, ran.stdout

    assert doctor() == (0, doctor()[1])
    assert "is well" in doctor()[1]
    hold, ready = site.spool.path / "review/hold", entry(site, "review/ready", "fresh")
    hold.rmdir()
    assert (doctor()[0], "spool/review/hold: the room is not there" in doctor()[1]) == (1, True)
    status, said = doctor("--repair")
    assert (status, "repaired: spool/review/hold is there again" in said, hold.is_dir()) == (0, True, True)
    ready.rename(hold / ready.name)
    status, said = doctor("--json")
    report = json.loads(said)
    assert (status, [one["what"] for one in report["findings"]], report["repaired"]) == (0, ["held"], [])
    assert doctor("--mend")[0] == 2
