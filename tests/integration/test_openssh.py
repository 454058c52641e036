"""Uploads through a live sshd with the shipped configuration, watched by the intake daemon of a real site."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import paramiko
import pytest

from tests.support.clients import Uploader, tampered
from tests.support.crafted import craft
from tests.support.mill import place, remove_site
from tests.support.people import Person
from tests.support.reception import Reception, digests
from tests.support.road import UPLOADER, Road
from tests.support.sources import SourceUpload
from tests.support.sshd import UNIT, Sshd
from tests.support.systems import BOOKWORM, BOOKWORM_NG, TRIXIE
from tests.support.tools import Ran, run
from tests.support.units import NoSystemd
from tests.support.ways import Way

pytestmark = pytest.mark.integration


class Mill(Reception):
    """A site that takes what sshd's accounts land, and the uploader's tools."""

    def __init__(self, road: Road, work: Path, sshd: Sshd) -> None:
        super().__init__(road, work)
        self.sshd = sshd
        self.place = sshd.landing / UPLOADER
        self.incoming = self.place / "incoming"
        self.uploader = self.tools(self.alice)

    def tools(self, person: Person) -> Uploader:
        """The tools of a registered person."""
        known_host = self.mill.json("uploader", "client", UPLOADER)["files"]["~/.ssh/known_hosts"]
        return Uploader(person, person.name, self.sshd.port, known_host)

    def ssh(self, *words: str | Path, check: bool = False) -> Ran:
        """Run ssh or a program that takes its options."""
        return run([words[0], "-F", self.uploader.ssh_config, *words[1:]], check=check)

    def sftp(self, batch: str, check: bool = True) -> Ran:
        """Run a batch of sftp's."""
        argv: list[str | Path] = ["sftp", "-q", "-F", self.uploader.ssh_config, "-b", "-", "mill"]
        return run(argv, stdin=batch.encode(), check=check)

    def wait_until_taken(self, upload: SourceUpload) -> None:
        """Wait until the upload is in review with the bytes that were sent, and nothing of it lies about."""
        self.wait(f"{upload.source} is taken", lambda: bool(self.taken(upload)))
        assert self.taken(upload) == digests(upload.files)
        landed = partial(self.incoming.glob, f"{upload.source}_*")
        self.wait("nothing is left of it", lambda: not [*landed(), *self.visible(upload)])

    def wait_for_status(self, name: str, words: str) -> str:
        """Wait until a file below /status holds these words, and give it as sftp does."""
        path = self.place / "status" / name
        self.wait(f"{name} says {words!r}", lambda: path.exists() and words in path.read_text())
        return self.uploader.read(f"/status/{name}")


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    road, work = Road(place(f"test-openssh-{os.getpid()}")), tmp_path_factory.mktemp("openssh")
    try:
        made = make(road, work)
        with made.sshd.running():
            road.mill.start(road.log, "intake")
            yield made
    finally:
        road.close()
        remove_site(road.site)


def make(road: Road, work: Path) -> Mill:
    sshd = Sshd(work)
    road.make_site(("amd64",), f"127.0.0.1:{sshd.port}")
    sshd.configure(road.site, road.site / "landing")
    settings = road.site / "debmill.toml"
    changed = settings.read_text().replace('# server = "own"', 'server = "openssh"')
    settings.write_text(changed.replace('# landing = "/srv/landing"', f'landing = "{sshd.landing}"'))
    sshd.add(UPLOADER)
    return Mill(road, work, sshd)


def by_dput(mill: Mill, upload: SourceUpload) -> None:
    mill.uploader.dput(upload)


def by_sftp(mill: Mill, upload: SourceUpload) -> None:
    mill.uploader.sftp(*upload.files)


def by_sftp_fp(mill: Mill, upload: SourceUpload) -> None:
    mill.sftp("".join(f'put -fp "{path}" /incoming\n' for path in upload.files))


def by_glob(mill: Mill, upload: SourceUpload) -> None:
    mill.sftp(f"put {upload.files[0].parent}/* /incoming\n")


def by_scp(mill: Mill, upload: SourceUpload) -> None:
    mill.ssh("scp", *upload.files, "mill:/incoming", check=True)


def by_scp_p(mill: Mill, upload: SourceUpload) -> None:
    """Also with the files' own times, which are those of another year."""
    for path in upload.files:
        os.utime(path, (1_000_000_000, 1_000_000_000))
    mill.ssh("scp", "-p", *upload.files, "mill:/incoming", check=True)


@pytest.mark.parametrize("send", [by_dput, by_sftp, by_sftp_fp, by_glob, by_scp, by_scp_p])
def test_an_upload_is_taken(mill: Mill, send: Callable[[Mill, SourceUpload], None]) -> None:
    upload = mill.craft(send.__name__.replace("_", "-"))
    send(mill, upload)
    mill.wait_until_taken(upload)
    assert "Stage: it waits" in mill.wait_for_status(f"{upload.source}_1.0-1.txt", "Stage:")


# Set up by nothing but what `debmill uploader client` prints; the verdict is heard by none of them.
WAYS = {
    "dput-ng": Way("dput-ng", TRIXIE),
    "dput-ng-12": Way("dput-ng", BOOKWORM_NG),
    "dupload-scpb": Way("dupload", BOOKWORM),
    "dupload-scp": Way("dupload", BOOKWORM, before="sed -i s/scpb/scp/ ~/.dupload.conf"),
    "sftp-10-fp": Way("sftp", TRIXIE, change=("put ", "put -fp ")),
    "scp-10-p": Way("scp", TRIXIE, change=("scp ", "scp -p ")),
    "curl": Way("curl", BOOKWORM),
    "lftp": Way("lftp", BOOKWORM),
    "psftp": Way("psftp", BOOKWORM),
}


@pytest.mark.parametrize("name", WAYS)
def test_an_upload_is_taken_from_the_client_of_each_release(mill: Mill, name: str) -> None:
    upload = mill.craft(f"from-{name}")
    sent = WAYS[name].send(mill, upload)
    assert sent.status == 0, sent.output
    mill.wait_until_taken(upload)


NOT_POSSIBLE = {
    "dput-ng-scp": Way(
        "dput-ng", TRIXIE, before='sed -i \'s/"sftp",/"scp",/; s/127.0.0.1/debmill/\' ~/.dput.d/profiles/debmill.json'
    ),
    "dput-rsync": Way("dput", BOOKWORM, before="sed -i s/scp/rsync/ ~/.dput.cf"),
    "scp-10-O": Way("scp", TRIXIE, change=("scp ", "scp -O ")),
}


@pytest.mark.parametrize("name", NOT_POSSIBLE)
def test_a_client_that_needs_a_program_on_the_server_fails(mill: Mill, name: str) -> None:
    upload = mill.craft(f"not-{name.lower()}")
    assert NOT_POSSIBLE[name].send(mill, upload).status != 0
    assert not list(mill.incoming.glob(f"{upload.source}_*"))


def test_the_shipped_unit_serves_beside_the_machine_s_own_sshd(mill: Mill, tmp_path: Path) -> None:
    """Also after a reload and without the machine's /run/sshd; with no more of root than it needs."""
    run(["systemd-analyze", "verify", UNIT])
    run(["systemd-analyze", "security", "--offline=true", "--threshold=45", "--no-pager", UNIT])
    try:
        with mill.sshd.by_unit(tmp_path) as (manager, port):
            same_key = ("-o", f"HostKeyAlias=[127.0.0.1]:{mill.sshd.port}")
            for source in ("by-unit", "reloaded"):
                upload = mill.craft(source)
                mill.ssh("scp", "-P", str(port), *same_key, *upload.files, "mill:/incoming", check=True)
                mill.wait_until_taken(upload)
                manager("reload", UNIT.name)
            assert mill.ssh("ssh", "-p", str(port), *same_key, "mill", "id").status != 0
            assert not manager.show(UNIT.name, "CapabilityBoundingSet").count("cap_sys_admin")
            manager("stop", UNIT.name)
            assert manager.show(UNIT.name, "Result") == "success"
    except NoSystemd as reason:
        pytest.skip(f"no systemd of our own: {reason}")


def test_a_refused_upload_is_told_below_status_and_by_mail_and_may_be_sent_again(mill: Mill) -> None:
    guest = mill.stranger("guest")
    upload = mill.craft("unknown", guest)
    mill.uploader.sftp(*upload.files)
    assert "which no registered uploader has" in mill.wait_for_status("unknown_1.0-1.txt", "REFUSED")
    mails = mill.road.site / "spool/notices"
    mill.wait("a notice of it", lambda: any(b"no registered uploader" in one.read_bytes() for one in noticed(mails)))
    mill.register(guest)
    mill.uploader.sftp(*upload.files)
    mill.wait_until_taken(upload)


def noticed(notices: Path) -> list[Path]:
    return [path for path in notices.rglob("*") if path.is_file()]


def test_a_changed_tarball_is_refused_though_its_size_fits(mill: Mill, tmp_path: Path) -> None:
    upload = mill.craft("changed")
    mill.uploader.sftp(*tampered(upload, tmp_path / "changed"))
    assert "SHA256" in mill.wait_for_status("changed_1.0-1.txt", "REFUSED")
    assert mill.taken(upload) == {}


def test_a_dsc_that_is_replaced_behind_the_verdict_changes_nothing_in_the_entry(mill: Mill, tmp_path: Path) -> None:
    upload = mill.craft("replaced")
    mill.uploader.sftp(*upload.files)
    mill.wait_until_taken(upload)
    other = tmp_path / "replaced_1.0-1.dsc"
    other.write_text("another text\n")
    mill.uploader.sftp(other)
    mill.wait_for_status("incoming.txt", other.name)
    assert mill.taken(upload) == digests(upload.files)
    mill.sftp(f"rm /incoming/{other.name}\n")
    mill.wait("it is gone", lambda: not (mill.incoming / other.name).exists())


@pytest.mark.parametrize("again", ["put", "reput"])
def test_a_client_that_is_killed_leaves_nothing_taken_and_the_repeat_works(mill: Mill, again: str) -> None:
    """The .changes lies there already, and waits for the file that is cut off."""
    orig = mill.work / f"killed-{again}/killed-{again}_1.0.orig.tar.xz"
    orig.parent.mkdir()
    orig.write_bytes(os.urandom(1 << 17))
    upload = craft(f"killed-{again}", mill.alice, [orig])
    others = [path for path in upload.files if path != orig]
    mill.uploader.sftp(*others)
    mill.wait_for_status(f"killed-{again}_1.0-1.txt", "waiting")
    slow = ["sftp", "-q", "-F", str(mill.uploader.ssh_config), "-b", "-", "-B", "64", "-R", "1", "-l", "8"]
    client = subprocess.Popen(
        [*slow, "mill:/incoming"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    assert client.stdin is not None
    client.stdin.write(f"put {orig}\n".encode())
    client.stdin.flush()
    part = mill.incoming / orig.name
    mill.wait("a part of it is there", part.exists)
    os.killpg(client.pid, signal.SIGKILL)
    client.communicate()
    mill.wait_for_status("incoming.txt", orig.name)
    assert part.stat().st_size < orig.stat().st_size
    assert mill.taken(upload) == {}

    mill.sftp(f'cd /incoming\n{again} "{orig}"\n')
    mill.wait_until_taken(upload)


def test_commands_are_run(mill: Mill) -> None:
    upload = mill.craft("regretted")
    mill.uploader.sftp(*upload.files)
    mill.wait_until_taken(upload)
    mill.uploader.dcut("cancel", upload.changes.name)
    mill.wait_for_status("regretted_1.0-1.txt", "withdr")


REFUSED = {
    "rename": "rename /incoming/lies.txt /incoming/other.txt",
    "mkdir": "mkdir /incoming/folder",
    "symlink": "ln -s /etc/passwd /incoming/link",
    "hardlink": "ln /incoming/lies.txt /incoming/second",
    "chmod": "chmod 666 /incoming/lies.txt",
    "chown": "chown 0 /incoming/lies.txt",
    "rmdir": "rmdir /incoming",
    "another's place": "ls /../../bob",
    "the machine's files": "get /etc/passwd /dev/null",
    "a report of one's own": "put {lies} /status/report.txt",
    "the place's root": "put {lies} /lies.txt",
    "rm of a report": "rm /status/incoming.txt",
}


@pytest.fixture(scope="module")
def lies(mill: Mill) -> Path:
    path = mill.work / "lies.txt"
    path.write_text("not the name of an upload's file\n")
    mill.sftp(f"put {path} /incoming\n")
    return path


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_a_request_that_is_not_on_the_list_is_refused(mill: Mill, lies: Path, request_: str) -> None:
    before = sorted(path.relative_to(mill.place) for path in mill.place.rglob("*"))
    ran = mill.sftp(f"{request_.format(lies=lies)}\n", check=False)
    assert ran.status != 0, ran.output
    assert sorted(path.relative_to(mill.place) for path in mill.place.rglob("*")) == before
    assert (mill.incoming / lies.name).stat().st_mode & 0o777 == 0o640


OTHERWISE = {
    "a shell": ["ssh", "mill"],
    "a command": ["ssh", "mill", "id"],
    "a terminal": ["ssh", "-tt", "mill"],
    "a forwarded port": ["ssh", "-W", "127.0.0.1:1", "mill"],
    "a listening port": ["ssh", "-o", "ExitOnForwardFailure=yes", "-N", "-R", "0:127.0.0.1:1", "mill"],
    "scp -O": ["scp", "-O", "{lies}", "mill:/incoming/copy.txt"],
    "rsync": ["ssh", "mill", "rsync", "--server", "-e.Lsfx", ".", "/incoming"],
}


@pytest.mark.parametrize("argv", OTHERWISE.values(), ids=OTHERWISE)
def test_nothing_but_sftp_is_served(mill: Mill, lies: Path, argv: list[str]) -> None:
    ran = mill.ssh(*(word.format(lies=lies) for word in argv))
    assert ran.status != 0
    assert "uid=" not in ran.output
    assert not (mill.incoming / "copy.txt").exists()


EXTENDED = ("posix-rename@openssh.com", "hardlink@openssh.com", "lsetstat@openssh.com", "copy-data")


def test_requests_that_openssh_s_own_client_does_not_make_are_refused(mill: Mill, lies: Path) -> None:
    with paramiko.Transport(("127.0.0.1", mill.sshd.port)) as transport:
        key = paramiko.Ed25519Key.from_private_key_file(str(mill.alice.ssh_key))
        transport.connect(username=UPLOADER, pkey=key)
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        for request in EXTENDED:
            with pytest.raises(OSError, match="denied"):
                client._request(paramiko.sftp.CMD_EXTENDED, request, f"/incoming/{lies.name}", "/incoming/other.txt")
        for directory in ("/", "/status"):
            with client.open(directory) as file, pytest.raises(OSError, match="denied"):
                file.chmod(0o777)
        with client.open(f"/incoming/{lies.name}", "r+") as file, pytest.raises(OSError, match="denied"):
            file.chown(0, 0)


def test_an_account_that_shuts_its_own_place_hinders_only_itself(mill: Mill) -> None:
    """A directory that is opened as a file may have its mode set; the shipped script puts it right."""
    carol = mill.stranger("carol")
    mill.register(carol)
    mill.sshd.add("carol")
    incoming = mill.sshd.landing / "carol/incoming"
    incoming.chmod(0o700)
    upload = mill.craft("beside-it")
    mill.uploader.sftp(*upload.files)
    mill.wait_until_taken(upload)
    assert "carol/incoming" in mill.road.log.read_text()

    mill.sshd.add("carol")
    late = mill.craft("put-right", carol)
    mill.tools(carol).sftp(*late.files)
    mill.wait("it is taken", lambda: mill.taken(late) == digests(late.files))


def test_a_name_of_no_upload_is_told_and_left(mill: Mill, lies: Path) -> None:
    assert f"{lies.name}: this is not the name" in mill.wait_for_status("incoming.txt", lies.name)
    assert (mill.incoming / lies.name).exists()


def test_links_and_fifos_are_not_followed(mill: Mill) -> None:
    """Planted as by an account with a shell; each stands where a file of an upload should."""
    upload = mill.craft("planted")
    secret = mill.road.site / "keys/ssh_host_ed25519_key"
    orig, dsc, debian = (next(p for p in upload.files if kind in p.name) for kind in (".orig.", ".dsc", ".debian."))
    (mill.incoming / orig.name).symlink_to(secret)
    os.mkfifo(mill.incoming / dsc.name, 0o666)
    (mill.incoming / debian.name).write_bytes(debian.read_bytes())
    os.link(mill.incoming / debian.name, mill.incoming / "second")
    mill.uploader.sftp(upload.changes)
    said = mill.wait_for_status("incoming.txt", "hard links")
    assert said.count("not a plain file") == 0  # sizes do not fit: not even looked at
    mill.wait_for_status("planted_1.0-1.txt", "waiting")
    for name in (orig.name, dsc.name, debian.name, "second"):
        (mill.incoming / name).unlink()
    mill.uploader.sftp(orig, dsc, debian)
    mill.wait_until_taken(upload)


def test_a_file_that_the_service_may_not_read_is_told(mill: Mill) -> None:
    upload = mill.craft("private")
    for path in upload.files:
        path.chmod(0o600)
    assert mill.uploader.dput(upload, check=False).status != 0  # it asks for `chmod 0644`
    mill.ssh("scp", "-p", *upload.files, "mill:/incoming", check=True)
    assert "its mode is 600" in mill.wait_for_status("incoming.txt", "its mode")
    for path in upload.files:
        path.chmod(0o644)
    mill.ssh("scp", "-p", *upload.files, "mill:/incoming", check=True)
    mill.wait_until_taken(upload)


def test_a_new_uploader_is_seen_while_it_runs_and_a_removed_one_is_kept_out(mill: Mill) -> None:
    bob = mill.stranger("bob")
    mill.register(bob)
    mill.sshd.add("bob")
    tools, upload = mill.tools(bob), mill.craft("of-bob", bob)
    tools.sftp(*upload.files)
    mill.wait(f"{upload.source} is taken", lambda: mill.taken(upload) == digests(upload.files))

    mill.mill("uploader", "remove", "bob")
    assert tools.sftp(*upload.files, check=False).status != 0
    assert "Failed publickey for bob" in mill.sshd.log.read_text()
