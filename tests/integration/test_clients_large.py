"""Large uploads and many files in one session, and clients that die in the middle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crafted import craft
from tests.support.reception import Reception, digests, reception
from tests.support.sources import SourceUpload
from tests.support.systems import BOOKWORM, TRIXIE, System

pytestmark = pytest.mark.integration

SEND = "scp *.dsc *.tar.xz *.changes debmill:incoming"
GIB = 1 << 30


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    with reception("large", tmp_path_factory.mktemp("large")) as made:
        yield made


def many(desk: Reception, source: str, tmp_path: Path, count: int, size: int) -> SourceUpload:
    """An upload of so many files, whose upstream consists of components of so many bytes each."""
    tarballs = [tmp_path / f"{source}_1.0.orig.tar.xz"]
    tarballs += [tmp_path / f"{source}_1.0.orig-part{number}.tar.xz" for number in range(count - 4)]
    for tarball in tarballs:
        tarball.write_bytes(os.urandom(size))
    return craft(source, desk.alice, tarballs)


def test_a_thousand_small_files_in_one_session(desk: Reception, tmp_path: Path) -> None:
    upload = many(desk, "thousand", tmp_path, 1000, 10 << 10)
    assert len(upload.files) == 1000
    sent = desk.machine(BOOKWORM, "sftp").run(
        "printf 'cd incoming\nput *.dsc\nput *.xz\nput *.changes\n' | sftp -b - debmill", upload.files
    )
    assert sent.status == 0, sent.output
    assert desk.taken(upload) == digests(upload.files)
    assert desk.visible(upload) == []


KILLED = {
    "scp-9": (BOOKWORM, "scp", "scp -l 400 *.orig.tar.xz debmill:incoming"),
    "scp-10": (TRIXIE, "scp", "scp -l 400 *.orig.tar.xz debmill:incoming"),
    "sftp-9": (BOOKWORM, "sftp", "echo put *.orig.tar.xz | sftp -l 400 -b - debmill:incoming"),
    "lftp": (
        BOOKWORM,
        "lftp",
        "lftp -c 'set net:limit-rate 50000; open sftp://alice:@debmill/incoming; mput *.orig.tar.xz'",
    ),
    "curl": (BOOKWORM, "curl", "{curl} --limit-rate 50000 -T $(ls *.orig.tar.xz) {url}"),
}


@pytest.mark.parametrize("name", KILLED)
def test_a_client_that_is_killed_leaves_nothing_and_may_come_again_at_once(
    desk: Reception, tmp_path: Path, name: str
) -> None:
    system, client, script = KILLED[name]
    upload = many(desk, f"killed-{name}", tmp_path, 4, 3_000_000)
    machine = desk.machine(system, client)
    printed: str = machine.client["command"]
    words = {"curl": printed.partition(" -Q ")[0], "url": printed.rpartition(" ")[2]}
    killed = machine.start(script.format(**words), upload.files)
    desk.wait("a file is arriving", lambda: any(path.stat().st_size for path in desk.unfinished()))
    killed.kill()
    killed.wait()
    assert desk.visible(upload) == []
    again = machine.run(SEND, upload.files)
    assert again.status == 0, again.output
    assert desk.taken(upload) == digests(upload.files)
    desk.wait("nothing is arriving", lambda: desk.unfinished() == [])
    assert desk.visible(upload) == []


@pytest.mark.slow
@pytest.mark.parametrize("system", [BOOKWORM, TRIXIE], ids=["9", "10"])
def test_a_file_of_one_gibibyte(desk: Reception, tmp_path: Path, system: System) -> None:
    """The client's own copy is made there, of zeros: what is sent is never compressed."""
    source = f"huge-{system.suite}"
    large = tmp_path / f"{source}_1.0.orig.tar.xz"
    large.touch()
    os.truncate(large, GIB)
    upload = craft(source, desk.alice, [large])
    others = [path for path in upload.files if path != large]
    sent = desk.machine(system, "scp").run(f"truncate -s {GIB} {large.name}; {SEND}", others)
    assert sent.status == 0, sent.output
    assert desk.taken(upload) == digests(upload.files)
