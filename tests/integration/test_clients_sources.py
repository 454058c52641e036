"""Source packages of every kind, made by dpkg's tools and sent with dput: what came is what was signed, and whole.

That an orig tarball is found in the pool is shown by `test_road.py`, which has a published one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.kinds import Kind
from tests.support.reception import Reception, digests, reception
from tests.support.road import SUITE
from tests.support.small import Small
from tests.support.sources import SourceUpload
from tests.support.systems import BOOKWORM
from tests.support.tools import Ran

pytestmark = pytest.mark.integration

COMPONENTS = ("docs", "vendor-lib")
KINDS = {
    "quilt": (Kind(), {"orig.tar.xz", "debian.tar.xz", "buildinfo"}),
    "no-buildinfo": (Kind(buildinfo=False), {"orig.tar.xz", "debian.tar.xz"}),
    "signed": (Kind(is_signed=True), {"orig.tar.xz", "orig.tar.xz.asc", "debian.tar.xz", "buildinfo"}),
    "bzip2": (Kind(compression="bz2"), {"orig.tar.bz2", "debian.tar.xz", "buildinfo"}),
    "components": (
        Kind(components=COMPONENTS),
        {"orig.tar.xz", "orig-docs.tar.xz", "orig-vendor-lib.tar.xz", "debian.tar.xz", "buildinfo"},
    ),
    "native": (Kind("3.0 (native)", is_native=True), {"tar.xz", "buildinfo"}),
    "old": (Kind("1.0", "gz"), {"orig.tar.gz", "diff.gz", "buildinfo"}),
    "old-signed": (Kind("1.0", "gz", is_signed=True), {"orig.tar.gz", "orig.tar.gz.asc", "diff.gz", "buildinfo"}),
    "old-native": (Kind("1.0", "gz", is_native=True), {"tar.gz", "buildinfo"}),
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    with reception("sources", tmp_path_factory.mktemp("sources")) as made:
        yield made


def dput(desk: Reception, upload: SourceUpload) -> Ran:
    machine = desk.machine(BOOKWORM, "dput")
    command: str = machine.client["command"]
    return machine.run(command.replace("CHANGES", upload.changes.name), upload.files, upload.signer)


@pytest.mark.parametrize("name", KINDS)
def test_a_source_package_of_each_kind_is_taken(desk: Reception, name: str) -> None:
    kind, files = KINDS[name]
    package = Small(f"kind-{name}", "1.0" if kind.is_native else "1.0-1")
    upload = kind.upload(package, SUITE, desk.alice, desk.work)
    ends = [re.sub(r".*_1\.0(-1)?(_source)?\.", "", path.name) for path in upload.files]
    assert sorted(ends) == sorted({*files, "dsc", "changes"})
    sent = dput(desk, upload)
    assert sent.status == 0, sent.output
    assert desk.taken(upload) == digests(upload.files)


@pytest.mark.parametrize("kind", [Kind(), Kind(components=COMPONENTS, is_signed=True)], ids=["plain", "components"])
def test_upstreams_files_are_found_with_an_upload_that_still_waits(desk: Reception, kind: Kind) -> None:
    """As dpkg-buildpackage -sd leaves them out, signatures and components too."""
    name = f"later-{len(kind.components)}"
    first = kind.upload(Small(name), SUITE, desk.alice, desk.work)
    origs = [path for path in first.files if ".orig" in path.name]
    second = kind.upload(Small(name, "1.0-2"), SUITE, desk.alice, desk.work, "-sd", origs)
    assert not [path for path in second.files if ".orig" in path.name]
    assert dput(desk, first).status == 0
    sent = dput(desk, second)
    assert sent.status == 0, sent.output
    assert desk.taken(second) == digests([*second.files, *origs])


def test_without_its_orig_an_upload_that_nobody_can_complete_is_told_the_option(desk: Reception) -> None:
    package = Small("alone", "1.0-2")
    upload = Kind().upload(package, SUITE, desk.alice, desk.work, "-sd")
    sent = dput(desk, upload)
    assert sent.status != 0
    assert "alone_1.0.orig.tar.xz" in sent.output
    assert "dpkg-buildpackage -S -sa" in sent.output
    assert (desk.taken(upload), desk.visible(upload)) == ({}, [])
    whole = Kind().upload(package, SUITE, desk.alice, desk.work / "again")
    sent = dput(desk, whole)
    assert sent.status == 0, sent.output
    assert desk.taken(whole) == digests(whole.files)
