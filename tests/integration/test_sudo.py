"""Reviewers on a shared host: the sudoers sample under the real sudo, on an /etc of its own in a mount namespace."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from queues.clock import utc
from queues.layout import Spool
from queues.names import EntryName
from queues.rooms import Room
from tests.support.account import unprivileged
from tests.support.entries import upload
from tests.support.mill import installed, place
from tests.support.tools import Ran, run

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a machine another /etc"),
]
SAMPLE = Path(__file__).parents[2] / "etc/sudoers.d/debmill-reviewers"
# Others see nothing of it: the mounts are of a namespace that ends with the script.
SCRIPT = """
set -eu
mount -t tmpfs tmpfs "$PLACE"
cp -a /etc "$PLACE/etc"
mkdir "$PLACE/bin"
ln -s "$COMMAND" "$PLACE/bin/debmill"
mount --bind "$PLACE/etc" /etc
mount --bind "$PLACE/bin" /usr/local/bin
install -D -m 440 "$SAMPLE" /etc/sudoers.d/debmill-reviewers
echo 'admin ALL = (ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin
echo "DEBMILL_SITE=$SITE" >/etc/default/debmill
groupadd debmill-reviewers
for name in rita otto admin; do useradd --no-create-home --shell /bin/sh "$name"; done
usermod -aG debmill-reviewers rita
cd /
exec setpriv --reuid "$CALLER" --regid "$CALLER" --init-groups "$@"
"""


class Host:
    """A machine that several people share, with a site where uploads wait."""

    def __init__(self, work: Path, site: Path) -> None:
        self.work = work
        self.site = site

    def say(self, caller: str, *words: str) -> Ran:
        """Let a person of the host run a command."""
        self.work.mkdir(exist_ok=True)
        names = {"PLACE": self.work, "COMMAND": installed(), "SAMPLE": SAMPLE, "SITE": self.site, "CALLER": caller}
        env = {name: str(value) for name, value in names.items()}
        namespace = ["unshare", "--mount", "--propagation", "private"]
        return run([*namespace, "sh", "-c", SCRIPT, "sh", *words], env=env, check=False)

    def review(self, caller: str, *words: str, become: str = "debmill") -> Ran:
        """Let a person review through sudo."""
        return self.say(caller, "sudo", "-n", "-u", become, "debmill", "review", *words)

    @property
    def spool(self) -> Spool:
        """The queues."""
        return Spool(self.site)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    site = place(f"sudo-{os.getpid()}")
    try:
        run([installed(), "--site", site, "init", "--suite", "demo"])
        for name in ("rita", "otto"):
            run([installed(), "--site", site, "reviewer", "add", name, "--mail", f"{name}@example.org"])
        for version in ("1.0", "2.0"):
            send(site, version)
        yield Host(tmp_path / "host", site)
    finally:
        shutil.rmtree(site)


def send(site: Path, version: str) -> None:
    """Put an upload into review, as the account."""

    def put() -> None:
        one, queue = upload("pkg", version), Spool(site).review
        assert queue.put(EntryName(queue.stamp(utc()), one.key), one, {}, [("taken", {"by": "ulla"})])

    unprivileged(put)()


def test_the_sample_is_one_that_sudo_reads() -> None:
    assert run(["visudo", "-cf", SAMPLE]).output == f"{SAMPLE}: parsed OK\n"


def test_a_reviewer_is_known_by_the_login_and_is_nobody_else(host: Host) -> None:
    assert "pkg_1.0" in host.review("rita", "list").output
    assert host.review("rita", "reject", "pkg_1.0", "-m", "no licence").status == 0
    (name,) = host.spool.review.names(Room.REJECTED)
    assert '"by":"rita"' in (host.spool.review.where(Room.REJECTED, name) / "history").read_text()
    assert "you are rita" in host.review("rita", "reject", "pkg_2.0", "-m", "no", "--as", "otto").output
    assert len(host.spool.review.names(Room.READY)) == 1


def test_who_is_not_of_the_group_gets_nothing(host: Host) -> None:
    assert host.review("otto", "list").status != 0


@pytest.mark.parametrize(
    "words",
    [
        ("debmill", "reviewer", "list"),
        ("debmill", "--site", "/tmp", "review", "list"),
        ("DEBMILL_SITE=/tmp", "debmill", "review", "list"),
        ("/bin/sh",),
    ],
)
def test_the_group_may_do_nothing_else(host: Host, words: tuple[str, ...]) -> None:
    ran = host.say("rita", "sudo", "-n", "-u", "debmill", *words)
    assert ran.status != 0
    assert "sudo: " in ran.output


def test_an_administrator_may_speak_for_anybody(host: Host) -> None:
    ran = host.review("admin", "reject", "pkg_1.0", "-m", "otto is away", "--as", "otto", become="root")
    assert (ran.status, ran.output) == (0, "pkg 1.0 is rejected\n")
