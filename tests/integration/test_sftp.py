"""The SFTP server against the clients people use, and against those who mean ill."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import threading

import paramiko
import pytest

from daemons.intake import hostkey, server
from daemons.intake.answers import Refused, Stored, Taken, Waiting
from daemons.intake.arriving import Unfinished
from daemons.intake.limits import Limits

pytestmark = pytest.mark.integration

PATIENCE = 60  # seconds until a test gives up; nothing is expected to take long
DSC, TAR, CHANGES = "hello_1.0-1.dsc", "hello_1.0.orig.tar.gz", "hello_1.0-1_source.changes"
REASON = "hello 1.0-1: signed by a key nobody registered"


class Heard(logging.Handler):
    """What the server logged, and a way to wait for it."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self.changed = threading.Condition()

    def emit(self, record):
        with self.changed:
            self.lines.append(record.getMessage())
            self.changed.notify_all()

    def wait_for(self, text):
        with self.changed:
            assert self.changed.wait_for(lambda: any(text in line for line in self.lines), PATIENCE), self.lines


class Intake:
    """A running server with one account, and the files its clients need."""

    def __init__(self, path, **limits):
        self.path = path
        self.uploading = path / "uploading"
        self.area = self.uploading / "alice"
        self.reports = {}
        self.judged = []
        self.taken = set()
        self.answers = {}
        self.keys = {}
        self.stop, self.ender = socket.socketpair()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path / "id"], check=True)
        kind, blob, *_ = (path / "id.pub").read_text().split()
        self.keys["alice"] = [(kind, blob.encode())]
        hostkey.make(path / "host")
        key = hostkey.load(path / "host")
        self.server = server.serve(
            ("127.0.0.1", 0),
            key,
            Limits(free_bytes=0, **limits),
            lambda user: self.keys.get(user, []),
            self.judge,
            self.uploading,
            self,
        )
        self.port = self.server.address[1]
        (path / "known_hosts").write_text(hostkey.known_hosts_line(key, *self.server.address) + "\n")
        self.options = [
            "HostName=127.0.0.1",
            f"Port={self.port}",
            "User=alice",
            f"IdentityFile={path / 'id'}",
            "IdentitiesOnly=yes",
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={path / 'known_hosts'}",
        ]
        self.config = path / "ssh_config"
        self.config.write_text("".join(f"{option.replace('=', ' ', 1)}\n" for option in self.options))
        self.thread = threading.Thread(target=self.server.serve_until, args=(self.stop,))
        self.thread.start()

    def judge(self, uploader, area, name, sha256):  # noqa: ARG002 -- the shape of a judge
        assert (area / name).is_file()
        assert self.server.areas.of(uploader).turn.locked(), "two sessions might be judged side by side"
        self.judged.append((uploader, name))
        if name in self.taken:
            (area / name).unlink()
        answer = self.answers.get(name, Stored())
        if callable(answer):
            return answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def names(self, uploader):
        assert uploader == "alice"
        return dict.fromkeys(self.reports, 1_700_000_000)

    def read(self, uploader, name):
        assert uploader == "alice"
        if name not in self.reports:
            raise FileNotFoundError(name)
        return self.reports[name]

    def visible(self):
        return sorted(path.name for path in self.area.glob("[!.]*"))

    def end(self):
        self.ender.close()  # which makes the other end readable
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        self.stop.close()

    def run(self, *argv, **kwargs):
        return subprocess.run(
            [argv[0], "-F", self.config, *argv[1:]],
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            **kwargs,
        )

    def sftp(self, *commands):
        batch = self.path / "batch"
        batch.write_text("".join(f"{command}\n" for command in commands))
        return self.run("sftp", "-b", batch, "intake")

    def connect(self):
        return contextlib.closing(socket.create_connection(("127.0.0.1", self.port), PATIENCE))

    @contextlib.contextmanager
    def stranger(self):
        with self.connect() as connection, paramiko.Transport(connection) as transport:
            transport.start_client(timeout=PATIENCE)
            yield transport

    @contextlib.contextmanager
    def transport(self, user="alice", key=None):
        with self.stranger() as transport:
            transport.auth_publickey(user, key or paramiko.Ed25519Key.from_private_key_file(self.path / "id"))
            yield transport

    @contextlib.contextmanager
    def client(self):
        with self.transport() as transport, paramiko.SFTPClient.from_transport(transport) as client:
            yield client


@pytest.fixture
def heard():
    handler = Heard()
    logger = logging.getLogger("daemons.intake")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.fixture
def make(tmp_path, heard, monkeypatch):
    monkeypatch.setattr(server, "REST_SECONDS", 0.01)
    with contextlib.ExitStack() as stack:

        def one(**limits):
            intake = Intake(tmp_path, **limits)
            stack.callback(intake.end)
            return intake

        yield one
    assert not [line for line in heard.lines if "Traceback" in line]


@pytest.fixture
def intake(make):
    return make()


@pytest.fixture
def files(tmp_path):
    (tmp_path / DSC).write_bytes(b"Format: 3.0 (quilt)\n")
    (tmp_path / TAR).write_bytes(os.urandom(3_000_000))
    (tmp_path / CHANGES).write_bytes(b"Format: 1.8\n")
    return [tmp_path / DSC, tmp_path / TAR, tmp_path / CHANGES]


def same(intake, files):
    return all((intake.area / file.name).read_bytes() == file.read_bytes() for file in files)


# What clients do


def test_sftp_uploads_and_is_told(intake, files):
    intake.answers = {DSC: Waiting(f"for {TAR}"), CHANGES: Taken("hello 1.0-1 into review")}
    done = intake.sftp("cd incoming", *(f"put {file.name}" for file in files), "ls -l", "pwd")
    assert done.returncode == 0, done.stderr
    assert same(intake, files)
    assert intake.judged == [("alice", file.name) for file in files]
    assert f"debmill: waiting for {TAR}\n" in done.stderr
    assert "debmill: taken hello 1.0-1 into review\n" in done.stderr
    assert "Remote working directory: /incoming" in done.stdout
    assert [stat.S_IMODE((intake.area / file.name).stat().st_mode) for file in files] == [0o444] * 3


@pytest.mark.parametrize("options", [[], ["-p"]])
@pytest.mark.parametrize("target", ["intake:/incoming", "intake:/incoming/", "intake:incoming", "intake:"])
def test_scp_uploads(intake, files, options, target):
    done = intake.run("scp", *options, *files, target)
    assert (done.returncode, done.stderr) == (0, "")
    assert same(intake, files)


def test_sftp_with_preserved_times_and_fsync(intake, files):
    done = intake.sftp(*(f"put -fp {file.name} /incoming" for file in files))
    assert done.returncode == 0, done.stderr
    assert same(intake, files)


def test_paramiko_uploads_with_its_check_of_the_size(intake, files):
    with intake.client() as client:
        assert stat.S_ISDIR(client.stat("incoming").st_mode)
        for file in files:
            client.put(file, f"/incoming/{file.name}")
        assert client.listdir("/incoming") == sorted(file.name for file in files)
    assert same(intake, files)


def test_curl_uploads_where_it_knows_sftp(intake, files):
    if "sftp" not in subprocess.run(["curl", "-V"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this curl was built without sftp")
    argv = ["curl", "-sS", "--key", "id", "--pubkey", "id.pub", "--hostpubsha256", _sha256(intake), "-T", DSC]
    done = subprocess.run(
        [*argv, f"sftp://alice@127.0.0.1:{intake.port}/incoming/"],
        cwd=intake.path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert same(intake, files[:1])


def _sha256(intake):
    return hostkey.sha256_fingerprint(hostkey.load(intake.path / "host")).removeprefix("SHA256:")


def dput(intake, files, umask):
    config = intake.path / "dput.cf"
    options = "\n  ".join(intake.options)
    config.write_text(
        f"[DEFAULT]\n[intake]\nfqdn = 127.0.0.1\nmethod = scp\nlogin = alice\nincoming = /incoming\n"
        f"allow_unsigned_uploads = 1\nallowed_distributions = .*\nssh_config_options =\n  {options}\n"
    )
    _write_changes(files)
    for file in files:
        file.chmod(0o666 & ~umask)
    return subprocess.run(
        ["dput", "-u", "-c", config, "intake", CHANGES],
        cwd=intake.path,
        env={**os.environ, "HOME": str(intake.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def _write_changes(files):
    def listed(tool, between):
        sums = subprocess.run([tool, *files[:2]], capture_output=True, text=True, check=True).stdout.splitlines()
        pairs = zip(files[:2], (line.split()[0] for line in sums), strict=True)
        return "".join(f" {digest} {file.stat().st_size} {between}{file.name}\n" for file, digest in pairs)

    files[2].write_text(
        "Format: 1.8\nDate: Sat, 21 Nov 2026 12:00:00 +0000\nSource: hello\nArchitecture: source\nVersion: 1.0-1\n"
        "Distribution: unstable\nUrgency: low\nMaintainer: A <a@example.org>\nChanged-By: A <a@example.org>\n"
        f"Description:\n hello - x\nChanges:\n hello (1.0-1) unstable; urgency=low\n .\n   * x\n"
        f"Checksums-Sha1:\n{listed('sha1sum', '')}Checksums-Sha256:\n{listed('sha256sum', '')}"
        f"Files:\n{listed('md5sum', 'devel optional ')}"
    )


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_dput_uploads_also_where_it_must_change_the_mode(intake, files, umask):
    intake.answers = {CHANGES: Taken("hello 1.0-1 into review")}
    done = dput(intake, files, umask)
    assert done.returncode == 0, done.stdout + done.stderr
    assert same(intake, files)
    assert "debmill: taken hello 1.0-1 into review\n" in done.stderr
    assert [name for _, name in intake.judged][-1] == CHANGES


def test_several_channels_of_one_connection(make, files):
    intake = make(channels=2)
    with intake.transport() as transport:
        first, second = (paramiko.SFTPClient.from_transport(transport) for _ in "12")
        first.put(files[0], f"/incoming/{DSC}")
        second.put(files[1], f"/incoming/{TAR}")
        with pytest.raises(paramiko.ChannelException):
            transport.open_session()
        second.close()
        first.close()
        for _ in range(5):
            with paramiko.SFTPClient.from_transport(transport) as again:
                assert again.listdir("/") == ["incoming", "status"]
    assert same(intake, files[:2])


def test_a_verdict_that_takes_long_holds_up_nobody_else(make, files):
    intake = make(channels=2)
    begun, end = threading.Event(), threading.Event()

    def verdict():
        begun.set()
        assert end.wait(PATIENCE)
        return Taken("hello 1.0-1 into review")

    intake.answers = {CHANGES: verdict}
    with intake.transport() as transport, intake.client() as other:
        first, second = (paramiko.SFTPClient.from_transport(transport) for _ in "12")
        sending = threading.Thread(target=first.put, args=(files[-1], f"/incoming/{CHANGES}"))
        sending.start()
        assert begun.wait(PATIENCE)
        assert second.listdir("/") == other.listdir("/") == ["incoming", "status"]
        transport.global_request("keepalive@openssh.com", wait=True)  # answered by the thread that reads
        waiting = threading.Thread(target=second.put, args=(files[0], f"/incoming/{DSC}"))
        waiting.start()  # has to wait: one verdict at a time for an uploader
        transport.global_request("keepalive@openssh.com", wait=True)
        assert transport.is_active()
        end.set()
        for thread in (sending, waiting):
            thread.join(PATIENCE)
            assert not thread.is_alive()
    assert [name for _, name in intake.judged] == [CHANGES, DSC]


def test_requests_behind_a_verdict_are_answered_after_it(intake):
    end = threading.Event()
    intake.answers = {CHANGES: lambda: Taken("x") if end.wait(PATIENCE) else None}
    with raw(intake) as (ask, channel):
        ask(request(paramiko.sftp.CMD_OPEN, 1, f"/incoming/{CHANGES}", 0x1A, 0))
        channel.sendall(request(paramiko.sftp.CMD_CLOSE, 2, b"hx1"))
        channel.sendall(request(paramiko.sftp.CMD_REALPATH, 3, "."))
        end.set()
        assert ask(request(paramiko.sftp.CMD_REALPATH, 4, "."))[0] == paramiko.sftp.CMD_STATUS
        assert intake.judged == [("alice", CHANGES)]


@pytest.mark.usefixtures("files")
def test_keys_may_be_agreed_on_anew_at_any_time(intake, monkeypatch):
    monkeypatch.setattr(paramiko.packet.Packetizer, "REKEY_BYTES", 1 << 20)  # by both sides; 512 MiB else
    with intake.client() as client, client.open(f"/incoming/{TAR}", "w") as file:
        file.set_pipelined()
        for _ in range(400):
            file.write(b"x" * 32_000)
    assert (intake.area / TAR).read_bytes() == b"x" * 32_000 * 400


def test_a_channel_is_used_once(intake):
    for again in (lambda one: one.invoke_subsystem("sftp"), lambda one: one.exec_command("id")):
        with intake.transport() as transport:
            channel = transport.open_session()
            channel.invoke_subsystem("sftp")
            with pytest.raises(paramiko.SSHException):
                again(channel)


# A refusal is heard


@pytest.mark.parametrize("tool", ["sftp", "scp", "dput"])
def test_the_reason_of_a_refusal_is_on_the_terminal(intake, files, tool):
    intake.answers = {CHANGES: Refused(f"{REASON}\nask \x1b[31mthe operator")}
    if tool == "dput":
        done = dput(intake, files, 0o022)
    elif tool == "scp":
        done = intake.run("scp", "-p", *files, "intake:/incoming")
    else:
        done = intake.sftp(*(f"put {file.name} /incoming" for file in files))
    assert done.returncode == 1
    assert f"debmill: REFUSED {REASON}\ndebmill:   ask ?[31mthe operator\n" in done.stderr


def test_the_reason_of_a_refusal_is_the_text_of_the_status(intake):
    intake.answers = {CHANGES: Refused(f"{REASON}\nask the operator")}
    with raw(intake) as (ask, _):
        ask(request(paramiko.sftp.CMD_OPEN, 0, f"/incoming/{CHANGES}", 0x1A, 0))
        kind, code, rest = ask(request(paramiko.sftp.CMD_CLOSE, 1, b"hx1"))
    assert (kind, code) == (paramiko.sftp.CMD_STATUS, paramiko.sftp.SFTP_FAILURE)
    assert f"{REASON}; ask the operator".encode() in rest


def test_a_client_that_overlooks_a_failed_close_hears_the_reason_when_it_checks_the_size(intake, files):
    intake.answers = {CHANGES: Refused(REASON)}
    with intake.client() as client, pytest.raises(OSError, match=REASON):
        client.put(files[2], f"/incoming/{CHANGES}")


def test_a_client_that_checks_the_size_of_a_file_already_taken_is_content(intake, files):
    intake.taken = {CHANGES}
    intake.answers = {CHANGES: Taken("hello 1.0-1 into review")}
    with intake.client() as client:
        assert client.put(files[2], f"/incoming/{CHANGES}").st_size == files[2].stat().st_size
        assert client.listdir("/incoming") == []


def test_a_client_that_overlooks_a_failed_close_hears_of_it_when_it_sets_the_mode(intake, files):
    intake.answers = {CHANGES: Refused(REASON)}
    with intake.client() as client:
        client.put(files[0], f"/incoming/{DSC}")
        client.chmod(f"/incoming/{DSC}", 0o644)
        client.put(files[2], f"/incoming/{CHANGES}", confirm=False)
        with pytest.raises(OSError, match=REASON):
            client.chmod(f"/incoming/{CHANGES}", 0o644)


def test_a_changes_is_refused_while_files_before_it_are_open(intake):
    with intake.client() as client:
        unclosed = client.open(f"/incoming/{DSC}", "w")
        with pytest.raises(OSError, match=f"close {DSC} first"):
            client.open(f"/incoming/{CHANGES}", "w")
        unclosed.close()
        client.open(f"/incoming/{CHANGES}", "w").close()


def test_a_refused_name_is_explained(intake, files):
    files[0].rename(files[0].with_name("hello.exe"))
    done = intake.run("scp", files[0].with_name("hello.exe"), "intake:/incoming")
    assert done.returncode == 1
    assert "debmill: REFUSED hello.exe: not the name of a file of a Debian upload" in done.stderr
    assert intake.visible() == []


@pytest.mark.usefixtures("files")
def test_a_judge_that_fails_is_an_internal_error_and_the_file_is_kept(intake, heard):
    intake.answers = {DSC: ZeroDivisionError("our bug")}
    done = intake.sftp(f"put {DSC} /incoming")
    assert done.returncode == 1
    assert f"debmill: REFUSED {DSC}: an internal error" in done.stderr
    assert "our bug" not in done.stderr
    assert intake.visible() == [DSC]
    heard.wait_for("could not be judged")


def test_the_log_names_user_address_key_and_file(intake, files, heard):
    assert intake.sftp(f"put {TAR} /incoming").returncode == 0
    key = paramiko.Ed25519Key.from_private_key_file(intake.path / "id").fingerprint
    stored = [line for line in heard.lines if f"{TAR} stored" in line]
    assert len(stored) == 1
    assert stored[0].startswith("alice at 127.0.0.1:")
    assert key in stored[0]
    digest = subprocess.run(["sha256sum", files[1]], capture_output=True, text=True, check=True).stdout.split()[0]
    assert f"3000000 bytes, sha256 {digest}" in stored[0]


# Only a closed file exists


def test_a_file_is_not_visible_before_it_is_closed(intake):
    with intake.client() as client:
        file = client.open(f"/incoming/{DSC}", "w")
        file.write(b"half")
        file.flush()
        assert file.stat().st_size == 4
        assert intake.visible() == []
        assert client.listdir("/incoming") == []
        file.close()
        assert intake.visible() == [DSC]


def unfinished(intake):
    return list((intake.area / ".unfinished").iterdir())


def test_a_session_that_ends_without_closing_the_file_leaves_nothing_and_is_told(intake, heard):
    with intake.transport() as transport:
        channel = transport.open_session()
        channel.invoke_subsystem("sftp")
        client = paramiko.SFTPClient(channel)
        file = client.open(f"/incoming/{DSC}", "w")
        file.write(b"all of it")
        file.flush()
        channel.shutdown_write()
        assert channel.recv_exit_status() == 1
        assert f"NOT STORED {DSC}" in channel.makefile_stderr("r").read().decode()
        heard.wait_for(f"unfinished and dropped: {DSC}")
        file._closed = True
    assert intake.judged == []


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("whole_group", [False, True])
def test_a_killed_client_leaves_nothing(intake, heard, monkeypatch, whole_group):
    arriving = threading.Event()
    write = Unfinished.write

    def noticed(file, offset, data):
        write(file, offset, data)
        arriving.set()

    monkeypatch.setattr(Unfinished, "write", noticed)
    (intake.path / "batch").write_text(f"put {TAR} /incoming\n")
    argv = ["sftp", "-F", intake.config, "-l", "800", "-b", intake.path / "batch", "intake"]
    with subprocess.Popen(
        argv,
        cwd=intake.path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as client:
        assert arriving.wait(PATIENCE)
        (os.killpg if whole_group else os.kill)(client.pid, signal.SIGKILL)
        assert client.wait(PATIENCE) == -signal.SIGKILL
    heard.wait_for(f"unfinished and dropped: {TAR}")
    intake.end()
    assert (intake.visible(), unfinished(intake), intake.judged) == ([], [], [])


def test_a_server_that_stops_ends_its_sessions_and_their_files(intake):
    with intake.client() as client:
        file = client.open(f"/incoming/{DSC}", "w")
        file.write(b"half")
        file.flush()
        intake.end()
        with pytest.raises((OSError, EOFError, paramiko.SSHException)):
            client.listdir("/")
        file._closed = True
    assert (intake.visible(), unfinished(intake)) == ([], [])


def test_a_resumed_upload_is_refused(intake, files):
    (intake.uploading / "alice").mkdir()
    (intake.area / TAR).write_bytes(files[1].read_bytes()[:1000])
    done = intake.sftp(f"reput {TAR} /incoming/{TAR}")
    assert done.returncode == 1
    assert "an upload cannot be resumed" in done.stderr
    with intake.client() as client, pytest.raises(OSError, match="cannot be resumed"):
        client.open(f"/incoming/{TAR}", "r+")
    with intake.client() as client, client.open(f"/incoming/{TAR}", "w") as file:
        file.seek(1000)
        with pytest.raises(OSError, match="cannot be resumed"):
            file.write(b"the rest")


# Paths


@pytest.mark.parametrize(
    "path",
    [
        f"../{DSC}x",
        f"/etc/{DSC}",
        f"/incoming/../etc/{DSC}",
        f"/incoming/sub/{DSC}",
        f"/incoming/.unfinished/{DSC}",
        f"/status/{DSC}",
        "/incoming/.bashrc",
        "/incoming/a_1.dsc\n",
        "/incoming/a_1\x1b[2J.dsc",
        "/incoming/ä_1.dsc",
        "/incoming/a_" + "1" * 300 + ".dsc",
        "/incoming/" + "a/" * 2000 + "a_1.dsc",
        "/incoming",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(intake, path):
    with intake.client() as client, pytest.raises(OSError) as error:  # noqa: PT011 -- the text is asserted below
        client.open(path, "w")
    assert str(error.value).isprintable()
    assert [path for path in intake.path.rglob("*.dsc") if path.is_file()] == []


@pytest.mark.parametrize("path", [f"//incoming//{DSC}", f"/incoming/../incoming/{DSC}", f"../../{DSC}", DSC])
def test_a_path_that_leads_home_in_a_roundabout_way_is_fine(intake, path):
    with intake.client() as client, client.open(path, "w") as file:
        file.write(b"x")
    assert intake.visible() == [DSC]


@pytest.mark.usefixtures("files")
def test_nothing_but_files_can_be_made_or_changed(intake):
    assert intake.sftp(f"put {DSC} /incoming").returncode == 0
    for command in (
        "mkdir /incoming/sub",
        "rmdir /incoming",
        f"ln -s /etc/passwd /incoming/{TAR}",
        f"ln /incoming/{DSC} /incoming/other_1.dsc",
        f"rename /incoming/{DSC} /incoming/other_1.dsc",
        f"chown 0 /incoming/{DSC}",
        f"get /incoming/{DSC}",
        "get /etc/passwd",
        "ls /etc",
        "cd /etc",
        "put -r . /incoming/sub",
    ):
        assert intake.sftp(command).returncode == 1, command
    assert intake.visible() == [DSC]


@pytest.mark.usefixtures("files")
def test_ones_own_file_can_be_removed_while_it_waits(intake):
    done = intake.sftp(f"put {DSC} /incoming", f"rm /incoming/{DSC}", "-rm /status/a.txt")
    assert done.returncode == 0, done.stderr
    assert intake.visible() == []


def test_reports_can_be_read_and_nothing_else(intake):
    intake.reports = {"hello.txt": b"all is well\n", "long.txt": b"so it goes\n" * 20_000}
    assert intake.sftp("get /status/long.txt long.txt").returncode == 0
    assert (intake.path / "long.txt").read_bytes() == intake.reports["long.txt"]
    assert intake.sftp("get /status/hello.txt got.txt").returncode == 0
    assert (intake.path / "got.txt").read_text() == "all is well\n"
    with intake.client() as client:
        assert client.listdir("/status") == ["hello.txt", "long.txt"]
        assert client.stat("/status/hello.txt").st_size == 12
        for name in ("secret", "../status", "none.txt"):
            with pytest.raises(OSError):  # noqa: PT011 -- no such file, or loop
                client.open(f"/status/{name}").read()
        with pytest.raises(OSError, match="is for reading"):
            client.open("/status/hello.txt", "w")


# Who may, and what


def test_a_list_has_no_more_than_so_many_names(intake):
    intake.reports = {f"hello_{number}.txt": b"" for number in range(1000)}
    with intake.client() as client:
        assert len(client.listdir("/status")) == 256


def test_a_read_gives_no_more_than_so_much(intake):
    intake.reports = {"hello_1.txt": b"x" * 200_000}
    with raw(intake) as (ask, _):
        ask(request(paramiko.sftp.CMD_OPEN, 1, "/status/hello_1.txt", 1, 0))
        kind, size, _ = ask(request(paramiko.sftp.CMD_READ, 2, b"hx1", 0, 0, 1 << 20))
        assert (kind, size) == (paramiko.sftp.CMD_DATA, 65536)


def test_refusals_do_not_fill_the_log(intake, heard):
    with raw(intake) as (ask, _):
        for number in range(150):
            ask(request(paramiko.sftp.CMD_MKDIR, number, "x", 0))
    assert sum("refused: x: there are no directories" in line for line in heard.lines) == 100


def test_an_account_comes_and_goes_at_once(intake):
    keys = intake.keys.pop("alice")
    assert intake.sftp("pwd").returncode == 255
    intake.keys["alice"] = keys
    assert intake.sftp("pwd").returncode == 0


def test_who_is_removed_is_refused_on_the_open_session(intake):
    with intake.client() as client:
        half = client.open(f"/incoming/{DSC}", "w")
        half.write(b"x")
        keys = intake.keys.pop("alice")
        half.close()  # this client overlooks what is said to it
        for act in (
            lambda: client.open(f"/incoming/{TAR}", "w"),
            lambda: client.listdir("/incoming"),
            lambda: client.remove(f"/incoming/{DSC}"),
        ):
            with pytest.raises(OSError, match="key was removed"):
                act()
        intake.keys["alice"] = keys
        assert client.listdir("/incoming") == []
    assert (intake.judged, intake.visible()) == ([], [])


@pytest.mark.parametrize("kind", [("rsa", "-b", "3072"), ("ecdsa", "-b", "521")])
def test_an_account_may_have_several_keys(intake, kind):
    subprocess.run(["ssh-keygen", "-q", "-t", *kind, "-N", "", "-f", intake.path / "second"], check=True)
    name, blob, *_ = (intake.path / "second.pub").read_text().split()
    intake.keys["alice"].append((name, blob.encode()))
    assert intake.sftp("pwd").returncode == 0
    assert (
        intake.run(
            "sftp", "-i", intake.path / "second", "-o", "IdentityFile=none", "-b", "/dev/null", "intake"
        ).returncode
        == 0
    )


def test_an_unknown_user_looks_like_a_wrong_key(intake):
    wrong = paramiko.ECDSAKey.generate()
    said = []
    for user in ("alice", "nobody", "../alice", "", "root\n"):
        with pytest.raises(paramiko.AuthenticationException) as error, intake.transport(user, wrong):
            pass
        said.append(repr(error.value))
    assert len(set(said)) == 1


def test_only_keys_are_offered_and_only_so_many(make):
    intake = make(tries=2)
    with intake.stranger() as transport:
        with pytest.raises(paramiko.BadAuthenticationType) as error:
            transport.auth_password("alice", "secret")
        assert error.value.allowed_types == ["publickey"]
        for _ in range(2):
            with pytest.raises(paramiko.AuthenticationException):
                transport.auth_publickey("alice", paramiko.ECDSAKey.generate())
        transport.join(PATIENCE)
        assert not transport.is_active()


@pytest.mark.parametrize(
    "argv",
    [
        ["ssh", "intake"],
        ["ssh", "-tt", "intake"],
        ["ssh", "intake", "id"],
        ["ssh", "intake", "chmod 0644 /etc/passwd"],
        ["ssh", "intake", "chmod 0777 /incoming/a_1.dsc"],
        ["ssh", "-s", "intake", "netconf"],
        ["ssh", "-W", "127.0.0.1:1", "intake"],
        ["ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "intake"],
        ["scp", "-O", "/etc/hostname", "intake:/incoming"],
    ],
)
def test_there_is_no_shell_no_command_and_no_forwarding(intake, argv):
    done = intake.run(*argv)
    assert done.returncode != 0
    assert done.stdout == ""
    assert intake.visible() == []


def test_a_command_ends_with_the_reason_why_it_was_not_run(intake, heard):
    done = intake.run("ssh", "intake", "id; echo \x1b[31m")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("debmill: REFUSED this server runs no commands")
    heard.wait_for("refused to run b'id; echo \\x1b[31m'")


def test_a_command_of_a_client_that_grants_no_window_ends_at_once(intake, monkeypatch):
    monkeypatch.setattr(paramiko.Transport, "_sanitize_window_size", lambda _, asked: asked)  # 32 KiB is its least
    with intake.transport() as transport:
        channel = transport.open_session(window_size=0)
        channel.exec_command("id")
        assert channel.recv_exit_status() == 1


@pytest.mark.parametrize("kind", ["direct-streamlocal@openssh.com", "tun@openssh.com", "x11", "nonsense"])
def test_there_are_no_channels_but_sessions(intake, kind):
    with intake.transport() as transport, pytest.raises(paramiko.ChannelException) as error:
        transport.open_channel(kind, ("127.0.0.1", 1), ("127.0.0.1", 1), timeout=PATIENCE)
    assert error.value.code == paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


@pytest.mark.usefixtures("files")
def test_the_one_command_does_nothing_and_succeeds(intake):
    assert intake.sftp(f"put {DSC} /incoming").returncode == 0
    done = intake.run("ssh", "intake", "chmod", "0644", f"/incoming/{DSC}", f"/incoming/{CHANGES}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert stat.S_IMODE((intake.area / DSC).stat().st_mode) == 0o444


# Limits


def test_a_login_that_does_not_come_is_cut(make, heard):
    intake = make(login_seconds=1)
    with intake.connect() as silent:
        while silent.recv(4096):
            pass
    with intake.stranger() as half:
        half.join(PATIENCE)
        assert not half.is_active()
    heard.wait_for("not logged in after 1 seconds")


def test_a_connection_that_idles_is_cut(make, heard):
    intake = make(login_seconds=1, idle_seconds=1)
    with intake.transport() as transport:
        transport.open_session()
        transport.join(PATIENCE)
        assert not transport.is_active()
    heard.wait_for("idle seconds")


def test_a_packet_without_bound_before_login_is_cut(intake, heard):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    block = b"x" * 65536
    with intake.connect() as connection:
        connection.sendall(b"SSH-2.0-evil\r\n" + struct.pack(">IB", (1 << 30) + 4, 4) + b"xxx")
        with contextlib.suppress(ConnectionError):
            while True:
                connection.sendall(block)
    heard.wait_for("a packet that claims")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


def test_only_so_many_connections_from_one_address(make, heard):
    intake = make(sessions_per_address=1)
    with intake.transport(), intake.connect() as second:
        assert second.recv(100) == b""
    heard.wait_for("turned away: 1 connections from this address")


def test_only_so_many_handles_files_and_bytes(make):
    intake = make(handles=2, session_files=3, file_bytes=10)
    with intake.client() as client:
        opened = [client.open(f"/incoming/a_{n}.dsc", "w") for n in range(2)]
        with pytest.raises(OSError, match="2 files are open already"):
            client.open("/incoming/a_3.dsc", "w")
        with pytest.raises(OSError, match="2 files are open already"):
            client.listdir("/")
        with pytest.raises(OSError, match="more than 10 bytes"):
            opened[0].write(b"x" * 11)
        opened[0].close()
        opened[1].close()
        client.open("/incoming/a_3.dsc", "w").close()
        with pytest.raises(OSError, match="3 files came on this connection already"):
            client.open("/incoming/a_4.dsc", "w")


@pytest.mark.usefixtures("files")
def test_a_file_that_found_no_room_is_not_stored_and_said_once(make):
    intake = make(file_bytes=1_000_000)
    done = intake.sftp(f"put {TAR} /incoming")
    assert done.returncode == 1
    assert done.stderr.count(f"debmill: REFUSED {TAR}: more than 1000000 bytes") == 1
    assert (intake.visible(), unfinished(intake), intake.judged) == ([], [], [])


def request(kind, number, *fields):
    message = paramiko.Message()
    message.add_int(number)
    for field in fields:
        message.add_int(field) if isinstance(field, int) else message.add_string(field)
    body = bytes([kind]) + message.asbytes()
    return struct.pack(">I", len(body)) + body


@contextlib.contextmanager
def raw(intake):
    with intake.transport() as transport:
        channel = transport.open_session()
        channel.settimeout(PATIENCE)
        channel.invoke_subsystem("sftp")
        channel.sendall(struct.pack(">IBI", 5, paramiko.sftp.CMD_INIT, 3))
        reply = channel.makefile("rb")
        reply.read(struct.unpack(">I", reply.read(4))[0])

        def ask(packet):
            channel.sendall(packet)
            answer = reply.read(struct.unpack(">I", reply.read(4))[0])
            return answer[0], struct.unpack(">I", answer[5:9])[0], answer[9:]

        yield ask, channel


EVIL = {
    "a bad handle": request(paramiko.sftp.CMD_FSETSTAT, 1, b"nonsense", 0),
    "attributes without end": request(paramiko.sftp.CMD_FSETSTAT, 1, b"hx1", 1 << 31, (1 << 32) - 1),
    "attributes without end of a path": request(paramiko.sftp.CMD_SETSTAT, 1, DSC, 1 << 31, (1 << 32) - 1),
    "a directory with attributes without end": request(paramiko.sftp.CMD_MKDIR, 1, "x", 1 << 31, (1 << 32) - 1),
    "a write that is shorter than it says": request(paramiko.sftp.CMD_WRITE, 1, b"hx1", 0, 0, 1 << 20),
    "an unknown request": request(77, 1),
    "check-file": request(paramiko.sftp.CMD_EXTENDED, 1, "check-file", b"hx1", "md5", 0, 9, 0, 99, 0),
    "a path that is not UTF-8": request(paramiko.sftp.CMD_STAT, 1, b"\xff\xfe"),
    "a read far beyond the end": request(paramiko.sftp.CMD_READ, 1, b"hx1", (1 << 32) - 1, 0, (1 << 32) - 1),
}


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL.keys())
def test_a_bad_request_fails_and_the_session_goes_on(intake, heard, evil):
    with raw(intake) as (ask, _):
        opened = request(paramiko.sftp.CMD_OPEN, 0, f"/incoming/{DSC}", 0x1A, 0)
        assert ask(opened)[0] == paramiko.sftp.CMD_HANDLE
        kind, code, _ = ask(evil)
        assert kind == paramiko.sftp.CMD_STATUS
        assert code not in (paramiko.sftp.SFTP_OK, paramiko.sftp.SFTP_EOF)
        assert ask(request(paramiko.sftp.CMD_CLOSE, 2, b"hx1"))[1] == paramiko.sftp.SFTP_OK
        assert ask(request(paramiko.sftp.CMD_CLOSE, 3, b"hx1"))[1] == paramiko.sftp.SFTP_BAD_MESSAGE
    assert (intake.area / DSC).read_bytes() == b""
    assert not [line for line in heard.lines if "failed" in line]


@pytest.mark.parametrize("kind", [paramiko.sftp.CMD_STAT, paramiko.sftp.CMD_REALPATH])
def test_a_session_that_does_not_begin_as_one_ends(intake, kind):
    with intake.transport() as transport:
        channel = transport.open_session()
        channel.settimeout(PATIENCE)
        channel.invoke_subsystem("sftp")
        channel.sendall(request(kind, 1, "/"))
        assert channel.recv(1) == b""


def test_a_request_of_16_megabytes_ends_the_session(intake):
    with raw(intake) as (_, channel):
        channel.sendall(struct.pack(">I", 16_000_000))
        assert channel.recv_exit_status() == 0
        assert channel.recv(1) == b""
