"""The whole road with real tools: dput, review, builds in clean environments, gate, publication, apt.

One site serves all tests of this module. Everything is sent at its beginning, and each test waits for its own upload.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.apt import Client
from tests.support.clients import tampered
from tests.support.mill import place, remove_site
from tests.support.opkg import openwrt
from tests.support.road import REVIEWER, SUITE, UPLOADER, Road, name_of
from tests.support.small import Small
from tests.support.sources import DebianSources, SourceUpload, prepare

pytestmark = pytest.mark.integration

ARCHITECTURES = ("amd64", "i386")
REFUSED = "debmill: REFUSED"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("road")


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    site = place(f"test-{os.getpid()}")
    road = Road(site)
    try:
        road.make_site(ARCHITECTURES, opkg="ipk")
        road.make_environments()
        road.start()
        yield road
    finally:
        road.close()
        remove_site(site)


@pytest.fixture(scope="module")
def sent(road: Road, work: Path) -> dict[str, SourceUpload]:
    """Uploads that were sent with dput and accepted, by source name."""
    small = (
        Small("millwheel"),
        Small("millnotes", architecture="all"),
        Small("millhalf", fails_on=("i386",)),
        Small("millfalse"),
        Small("millbroken", fails_on=ARCHITECTURES),
    )
    uploads = [real_one(road, work), *(one.upload(SUITE, road.maintainer, work) for one in small)]
    for upload in uploads:
        send_and_accept(road, upload)
    return {upload.source: upload for upload in uploads}


def real_one(road: Road, work: Path) -> SourceUpload:
    dsc = DebianSources(work / "debian").fetch("tree")
    if dsc is None:
        return Small("milltree").upload(SUITE, road.maintainer, work)
    return prepare(dsc, "+demo1", SUITE, road.maintainer, work)


def send_and_accept(road: Road, upload: SourceUpload) -> None:
    road.send(upload)
    road.accept(upload)


def test_a_reviewer_sees_an_upload_and_who_brought_it(road: Road, work: Path) -> None:
    upload = Small("millseen").upload(SUITE, road.maintainer, work)
    said = road.send(upload)
    assert "taken millseen 1.0-1" in said.output
    seen = next(one for one in road.mill.json("review", "list") if one["source"] == "millseen")
    assert (seen["version"], seen["suite"], seen["uploader"]) == ("1.0-1", SUITE, UPLOADER)
    assert seen["received"]
    shown = road.mill("review", "show", "millseen").output
    assert road.maintainer.address in shown
    looked = lambda: road.mill.json("review", "show", "millseen")["evidence"] is not None  # noqa: E731
    road.mill.wait("it was looked into", looked, 120, "millseen")
    assert "+int main(void)" in road.mill("review", "diff", "millseen").output


def test_dput_that_must_change_modes_succeeds(road: Road, work: Path) -> None:
    upload = Small("millprivate").upload(SUITE, road.maintainer, work)
    for path in upload.files:
        path.chmod(0o600)
    assert road.send(upload).status == 0
    assert road.id_of(upload)


def test_a_key_that_nobody_registered_is_refused_on_the_connection(road: Road, work: Path) -> None:
    upload = Small("millfraud").upload(SUITE, road.stranger, work)
    ran = road.intruder.dput(upload, "-u", check=False)
    assert ran.status != 0
    assert REFUSED in ran.output
    assert road.stranger.fingerprint.lower() in ran.output.lower()
    assert road.recorded("refused", upload)
    assert road.mill.story(upload.source) == []
    assert "it was not taken" in road.mill("why", upload.source).output


def test_a_tarball_that_does_not_match_is_refused_on_the_connection(road: Road, work: Path) -> None:
    upload = Small("milldamage").upload(SUITE, road.maintainer, work)
    ran = road.uploader.sftp(*tampered(upload, work / "tampered"), check=False)
    assert ran.status != 0
    assert REFUSED in ran.output
    assert "milldamage_1.0.orig.tar.xz" in ran.output
    assert road.recorded("refused", upload)
    assert road.uploader.sftp(*upload.files).status == 0, "what was refused may be sent again as it should be"


def test_a_reviewer_rejects_with_a_reason(road: Road, work: Path) -> None:
    upload = Small("millwaste").upload(SUITE, road.maintainer, work)
    road.send(upload)
    road.reject(upload, "not needed here")
    (chapter,) = road.mill.story(upload.source)
    assert (chapter.queue, chapter.room) == ("review", "rejected")
    assert {"not needed here", REVIEWER} <= set(chapter.events[-1].values())
    assert "not needed here" in road.notice(upload, "rejected")


def test_a_real_package_is_published_with_everything_it_built(road: Road, sent: dict[str, SourceUpload]) -> None:
    upload = next(iter(sent.values()))
    road.wait_until_published(upload)
    row = next(one for one in road.mill.json("archive", "list") if one["source"] == upload.source)
    assert (row["version"], row["architectures"]) == (upload.version, list(ARCHITECTURES))
    assert "published" in road.notice(upload, "published")
    for architecture in ARCHITECTURES:
        assert "dpkg-buildpackage" in road.mill("log", upload.source, "--arch", architecture).output


def test_where_a_new_package_fails_on_one_architecture_the_others_are_published(
    road: Road, sent: dict[str, SourceUpload]
) -> None:
    road.wait_until_published(sent["millhalf"])
    assert road.binaries("millhalf") == {"amd64": "1.0-1"}
    assert "cannot be built for i386" in road.mill("log", "millhalf", "--arch", "i386").output


def test_a_regression_is_withheld_until_somebody_releases_it(
    road: Road, sent: dict[str, SourceUpload], work: Path
) -> None:
    road.wait_until_published(sent["millfalse"])
    worse = Small("millfalse", "1.0-2", fails_on=("i386",)).upload(SUITE, road.maintainer, work, orig=False)
    send_and_accept(road, worse)
    assert road.mill.wait_for(name_of(worse), "master", "hold", "failed") == "hold"
    assert road.binaries("millfalse") == {"amd64": "1.0-1", "i386": "1.0-1"}
    assert "i386" in road.notice(worse, "withheld")
    road.mill("gate", "release", name_of(worse), "--as", REVIEWER)
    road.wait_until_published(worse)
    assert road.binaries("millfalse") == {"amd64": "1.0-2", "i386": "1.0-1"}


def test_a_package_that_cannot_be_built_is_tried_once_and_its_uploader_told(
    road: Road, sent: dict[str, SourceUpload]
) -> None:
    road.mill.wait_for("millbroken", "master", "failed")
    jobs = [one for one in road.mill.story("millbroken") if one.queue.startswith("build/")]
    assert sorted(job.queue for job in jobs) == ["build/amd64", "build/i386"]
    assert {job.room for job in jobs} == {"failed"}
    assert [sum(event["event"] == "claimed" for event in job.events) for job in jobs] == [1, 1]
    assert "millbroken: cannot be built for amd64" in road.mill("log", "millbroken", "--arch", "amd64").output
    assert road.maintainer.address in road.notice(sent["millbroken"], "abandoned")


def test_an_upload_without_its_orig_finds_it_in_the_archive(
    road: Road, sent: dict[str, SourceUpload], work: Path
) -> None:
    road.wait_until_published(sent["millwheel"])
    second = Small("millwheel", "1.0-2").upload(SUITE, road.maintainer, work, orig=False)
    assert not [path for path in second.files if ".orig." in path.name]
    send_and_accept(road, second)
    road.wait_until_published(second)
    assert road.binaries("millwheel") == {"amd64": "1.0-2", "i386": "1.0-2"}


def test_a_build_dependency_that_is_not_there_is_waited_for_and_taken_from_our_own_archive(
    road: Road, work: Path
) -> None:
    needy = Small("millneedy", build_depends="millgift").upload(SUITE, road.maintainer, work)
    send_and_accept(road, needy)
    for architecture in ARCHITECTURES:
        road.mill.wait_for("millneedy", f"build/{architecture}", "waiting", "failed")
    assert "missing: millgift" in road.mill("why", "millneedy").output
    send_and_accept(road, Small("millgift").upload(SUITE, road.maintainer, work))
    road.wait_until_published(needy)
    assert road.binaries("millneedy") == {"amd64": "1.0-1", "i386": "1.0-1"}
    assert "Unpacking millgift (1.0-1)" in road.mill("log", "millneedy", "--arch", "amd64").output


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_apt_installs_what_was_published(road: Road, sent: dict[str, SourceUpload], architecture: str) -> None:
    road.wait_until_published(sent["millwheel"])
    road.wait_until_published(sent["millnotes"])
    certificate = (road.site / "archive/keys/archive.gpg").read_bytes()
    with road.served() as url:
        client = Client(road.base(architecture), url, SUITE, certificate)
        visit = client.install("millwheel", "millnotes", then="millwheel | sed 's/^/ran: /'; millnotes")
    assert visit.versions == {"millwheel": road.binaries("millwheel")[architecture], "millnotes": "1.0-1"}
    assert visit.marked("ran") == [f"millwheel {visit.versions['millwheel']}"]
    assert "millnotes 1.0-1" in visit.output
    assert any(f"{url} {SUITE}/main {architecture} Packages" in line for line in visit.marked("policy millwheel"))
    pool = {path.name: path for path in (road.site / "archive/pool").rglob("*.deb")}
    assert len(visit.hashes) == 2
    for name, digest in visit.hashes.items():
        assert hashlib.sha256(pool[name].read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_opkg_installs_what_was_published(
    road: Road, sent: dict[str, SourceUpload], architecture: str, tmp_path: Path
) -> None:
    road.wait_until_published(sent["millwheel"])
    road.wait_until_published(sent["millnotes"])
    with road.served() as url:
        (shown,) = road.mill.json("archive", "sources", SUITE, "--url", url)
        (key,) = (road.site / "archive/keys").glob("*.pub")
        client = openwrt(tmp_path, shown["opkg"][architecture], key)
        client.installed["libc6"] = "the device's own"
        client.update()
        client.install("millwheel")
        client.install("millnotes")
    assert client.installed["millwheel"] == road.binaries("millwheel")[architecture]
    assert (tmp_path / "usr/bin/millwheel").is_file()


def test_apt_takes_nothing_that_another_key_signed(road: Road) -> None:
    with road.served() as url:
        key = road.stranger.binary_certificate
        ran = Client(road.base("amd64"), url, SUITE, key).run("apt-get -q update && apt-cache policy", check=False)
    assert ran.status != 0
    assert "NO_PUBKEY" in ran.output


def test_uploads_that_need_each_other_to_be_built_are_reported(road: Road, work: Path) -> None:
    uploads = [
        Small(name, architecture="all", build_depends=f"{other} (>= 1.0)").upload(SUITE, road.maintainer, work)
        for name, other in (("millegg", "millhen"), ("millhen", "millegg"))
    ]
    for upload in uploads:
        send_and_accept(road, upload)
    for upload in uploads:
        assert road.mill.wait_for(upload.source, "build/all", "waiting", "failed") == "waiting"
    cycle = "millegg_1.0-1 -> millhen_1.0-1 -> millegg_1.0-1"
    report, story = road.mill("report", "--days", "0").output, road.mill("why", "millhen").output
    assert cycle in report
    assert f"only a person can break: {cycle}" in story
    assert cycle in road.notice(uploads[0], "cycle")


def test_the_doctor_finds_nothing_wrong(road: Road, sent: dict[str, SourceUpload]) -> None:
    for source in ("millwheel", "millnotes"):
        road.wait_until_published(sent[source])
    ran = road.mill("doctor", check=False)
    assert ran.status == 0, ran.output
