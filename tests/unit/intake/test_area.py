from __future__ import annotations

import contextlib
import hashlib
import os

import pytest

from daemons.intake.answers import Heard, Refusal
from daemons.intake.area import Area, Areas
from daemons.intake.limits import Limits

NAME = "a_1.dsc"


@pytest.fixture
def limits():
    return Limits(file_bytes=100, area_bytes=150, area_files=2, free_bytes=0)


@pytest.fixture
def area(tmp_path, limits):
    return Area(tmp_path / "alice", limits)


@pytest.fixture
def begin():
    with contextlib.ExitStack() as stack:

        def one(area, name=NAME):
            file = area.begin(name)
            stack.callback(file.discard)
            return file

        yield one


def send(area, name, data):
    file = area.begin(name)
    file.write(0, data)
    area.publish(file)
    return file


def test_a_file_is_visible_only_once_published(area, begin):
    file = begin(area)
    file.write(0, b"whole")
    assert area.files() == {}
    area.publish(file)
    assert list(area.files()) == [NAME]
    assert (area.path / NAME).read_bytes() == b"whole"
    assert os.stat(area.path / NAME).st_mode & 0o777 == 0o444


def test_a_dropped_file_leaves_nothing_and_hurts_no_earlier_one(area, begin):
    send(area, NAME, b"first")
    file = begin(area)
    file.write(0, b"sec")
    file.discard()
    assert (area.path / NAME).read_bytes() == b"first"
    assert list((area.path / ".unfinished").iterdir()) == []


def test_the_same_name_sent_again_replaces_the_file_not_its_inode(area):
    send(area, NAME, b"first")
    os.link(area.path / NAME, area.path.parent / "taken")
    send(area, NAME, b"second")
    assert (area.path / NAME).read_bytes() == b"second"
    assert (area.path.parent / "taken").read_bytes() == b"first"


def test_the_digest_is_that_of_the_bytes_that_came_in_order(area, begin):
    file = begin(area)
    file.write(0, b"he")
    file.write(2, b"llo")
    assert file.sha256 == hashlib.sha256(b"hello").hexdigest()
    file.truncate(5)
    assert file.sha256 == hashlib.sha256(b"hello").hexdigest()


@pytest.mark.parametrize(
    "disorder",
    [
        lambda file: file.write(1, b"x"),
        lambda file: file.write(9, b"x"),
        lambda file: (file.truncate(2), file.truncate(5)),
        lambda file: file.truncate(9),
    ],
)
def test_there_is_no_digest_of_bytes_out_of_order(area, disorder, begin):
    file = begin(area)
    file.write(0, b"hello")
    disorder(file)
    assert file.sha256 is None


@pytest.mark.parametrize(
    "attempt", [lambda f: f.write(100, b"x"), lambda f: f.write(1 << 63, b"x"), lambda f: f.truncate(101)]
)
def test_a_file_beyond_the_limit_is_refused_also_when_sparse(area, attempt, begin):
    file = begin(area)
    with pytest.raises(Refusal, match="more than 100 bytes"):
        attempt(file)


def test_a_file_of_which_a_part_was_refused_is_never_published(area, begin):
    file = begin(area)
    file.write(0, b"x" * 60)
    with pytest.raises(Refusal, match="more than 100 bytes"):
        file.write(60, b"x" * 41)
    for act in (lambda: file.write(60, b"x"), lambda: file.truncate(60), lambda: area.publish(file)):
        with pytest.raises(Heard, match="more than 100 bytes"):
            act()
    file.discard()
    assert area.files() == {}


def test_an_area_has_room_for_so_many_bytes_and_files(area, begin):
    send(area, "a_1.dsc", b"x" * 100)
    file = begin(area, "b_1.dsc")
    with pytest.raises(Refusal, match="more than 50 bytes"):
        file.write(0, b"x" * 51)
    file.discard()
    send(area, "b_1.dsc", b"x")
    with pytest.raises(Refusal, match="2 files of yours wait here"):
        area.begin("c_1.dsc")
    send(area, "b_1.dsc", b"again")  # in its own place


def test_files_that_arrive_side_by_side_share_the_room(area, begin):
    first, second = begin(area, "a_1.dsc"), begin(area, "b_1.dsc")
    first.write(0, b"x" * 90)
    with pytest.raises(Refusal, match="more than 60 bytes"):
        second.write(0, b"x" * 61)
    area.publish(first)
    first.discard()
    with pytest.raises(Refusal, match="more than 60 bytes"):
        second.write(0, b"x" * 61)
    second.discard()
    begin(area, "c_1.dsc").write(0, b"x" * 60)


def test_an_uploader_may_have_a_quota_of_their_own(tmp_path, limits, begin):
    quotas = {"alice": 20, "bob": 0}
    areas = Areas(tmp_path, limits, quotas.__getitem__)
    with pytest.raises(Refusal, match="more than 20 bytes"):
        begin(areas.of("alice")).write(0, b"x" * 21)
    begin(areas.of("bob")).write(0, b"x" * 100)
    send(areas.of("alice"), NAME, b"x" * 20)
    with pytest.raises(Refusal, match="1 files of yours wait here, 20 of 20 bytes"):
        areas.of("alice").begin("b_1.dsc")
    quotas["alice"] = 40
    areas.of("alice").begin("b_1.dsc").discard()


def test_a_full_disk_is_said(tmp_path, begin):
    area = Area(tmp_path / "alice", Limits(free_bytes=1 << 62))
    with pytest.raises(Refusal, match="disk is full"):
        begin(area)


def test_a_disk_that_fills_while_a_file_comes_is_said_and_the_file_is_never_published(area, begin):
    file = begin(area)
    file.write(0, b"x")
    file._floor = 1 << 62  # as if the disk had filled up
    with pytest.raises(Refusal, match="disk is full"):
        file.write(1, b"x")
    with pytest.raises(Heard, match="disk is full"):
        area.publish(file)


def test_a_new_server_clears_what_a_dead_one_left(tmp_path, limits, begin):
    area = Areas(tmp_path, limits).of("alice")
    send(area, NAME, b"whole")
    begin(area, "b_1.dsc").write(0, b"half")
    Areas(tmp_path, limits).sweep()
    assert [path.name for path in area.path.iterdir()] == [NAME]


def test_links_and_directories_are_not_listed(area):
    send(area, NAME, b"x")
    (area.path / "b_1.dsc").symlink_to("/etc/passwd")
    (area.path / "c_1.dsc").mkdir()
    assert list(area.files()) == [NAME]
