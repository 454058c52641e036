from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.intake import paths
from daemons.intake.answers import Refusal
from daemons.intake.login import does_nothing


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", paths.Place("root")),
        (".", paths.Place("root")),
        ("/", paths.Place("root")),
        ("//", paths.Place("root")),
        ("../..", paths.Place("root")),
        ("/incoming", paths.Place("incoming")),
        ("incoming/", paths.Place("incoming")),
        ("/incoming/../status/.", paths.Place("status")),
        ("/incoming/a_1.dsc", paths.Place("upload", "a_1.dsc")),
        ("//incoming//a_1.dsc", paths.Place("upload", "a_1.dsc")),
        ("./a_1.dsc", paths.Place("upload", "a_1.dsc")),
        ("/etc/../incoming/a_1.dsc", paths.Place("upload", "a_1.dsc")),
        ("/status/a_1~0.txt", paths.Place("report", "a_1~0.txt")),
    ],
)
def test_a_path_means_one_place(path, place):
    assert paths.resolve(path) == place


@pytest.mark.parametrize(
    "name",
    [
        "hello_2.10-3+t1.dsc",
        "hello_2.10.orig.tar.gz",
        "hello_2.10.orig.tar.gz.asc",
        "hello_2.10.orig-extra.tar.xz",
        "hello_2.10-3.debian.tar.xz",
        "hello_2.10-3.diff.gz",
        "hello_2.10-3_source.changes",
        "hello_2.10-3_source.buildinfo",
        "hello_2.10-3_kfreebsd-amd64.changes",
        "libstdc++6_12~rc1_amd64.deb",
        "dcut.alice.1731925000.4711.commands",
    ],
)
def test_names_of_debian_uploads_may_be_sent(name):
    assert paths.upload_name(f"/incoming/{name}") == name


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/incoming/../../etc/a_1.dsc",
        "/incoming/sub/a_1.dsc",
        "/incoming/.unfinished/a_1.dsc",
        "/incoming/.a_1.dsc",
        "/incoming/a_1.dsc\n",
        "/incoming/a_1\x1b[2J.dsc",
        "/incoming/a\x00_1.dsc",
        "/incoming/ä_1.dsc",
        "/incoming/a_1.exe",
        "/incoming/a_1:1.dsc",
        "/incoming/-a_1.dsc",
        "/incoming/a_" + "1" * 250 + ".dsc",
        "/incoming",
        "/status",
        "/status/report.txt",
        "/" + "a" * 2000,
    ],
)
def test_nothing_else_may_be_sent_and_the_refusal_says_where_to(path):
    with pytest.raises(Refusal) as refusal:
        paths.upload_name(path)
    assert str(refusal.value)


def test_a_path_without_end_is_refused_wherever_it_leads():
    with pytest.raises(Refusal, match="longer than 1024"):
        paths.resolve("/x/.." * 250)


@given(st.text(max_size=60), st.sampled_from(["", "/", "/incoming/", "/status/", "../", "/incoming/../"]))
def test_no_path_ever_names_more_than_a_plain_file(text, before):
    try:
        place = paths.resolve(before + text)
    except (FileNotFoundError, Refusal):
        return
    assert "/" not in place.name
    assert not place.name.startswith(".")
    assert place.name.isascii()


@pytest.mark.parametrize(
    "command",
    [
        b"chmod 0644 /incoming/a_1.dsc",
        b"chmod 0644 /incoming/a_1.dsc /incoming/a_1_source.changes",
        b"chmod 0644 a_1.dsc",
    ],
)
def test_the_command_of_dput_does_nothing(command):
    assert does_nothing(command)


@pytest.mark.parametrize(
    "command",
    [
        b"",
        b"chmod 0644",
        b"chmod 0644 ",
        b"chmod 0777 /incoming/a_1.dsc",
        b"chmod -R 0644 /incoming/a_1.dsc",
        b"chmod 0644 /incoming",
        b"chmod 0644 /etc/passwd",
        b"chmod 0644 /incoming/../etc/passwd",
        b"chmod 0644 /incoming/a_1.dsc; id",
        b"chmod 0644 /incoming/a_1.dsc\nid",
        b"chmod 0644 /incoming/$(id)_1.dsc",
        b"chmod 0644 /incoming/\xff_1.dsc",
        b" chmod 0644 /incoming/a_1.dsc",
        b"chmod 0644 " + b"/" + b"a" * 5000,
        b"scp -t /incoming",
    ],
)
def test_every_other_command_is_refused(command):
    assert not does_nothing(command)
