"""Every client that people upload with, as its own release ships it, against the intake of a real site.

Each is set up by nothing but what `debmill uploader client` prints, in a system of its own (`tests/support/systems`).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.reception import Reception, digests, reception
from tests.support.sources import SourceUpload
from tests.support.systems import BOOKWORM, BOOKWORM_NG, TRIXIE, System
from tests.support.tools import Ran
from tests.support.ways import Way, command

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    with reception("clients", tmp_path_factory.mktemp("clients")) as made:
        yield made


OWN_PARAMIKO = """\
python3 - $(ls *.dsc *.tar.* *.changes) <<'END'
import os, sys
import paramiko
config = paramiko.SSHConfig.from_path(os.path.expanduser("~/.ssh/config")).lookup("debmill")
client = paramiko.SSHClient()
client.load_system_host_keys()
client.connect(config["hostname"], int(config["port"]), config["user"])
for name in sys.argv[1:]:
    client.open_sftp().put(name, f"/incoming/{name}")
END
"""

WAYS = {
    "dput": Way("dput", BOOKWORM),
    "dput-ng": Way("dput-ng", TRIXIE, hears=False),
    "dput-ng-12": Way("dput-ng", BOOKWORM_NG, hears=False),
    "dupload-scpb": Way("dupload", BOOKWORM),
    "dupload-scp": Way("dupload", BOOKWORM, before="sed -i s/scpb/scp/ ~/.dupload.conf"),
    "sftp-9": Way("sftp", BOOKWORM),
    "sftp-10": Way("sftp", TRIXIE),
    "sftp-9-fp": Way("sftp", BOOKWORM, change=("put ", "put -fp ")),
    "sftp-10-fp": Way("sftp", TRIXIE, change=("put ", "put -fp ")),
    "sftp-9-glob": Way("sftp", BOOKWORM, script="printf 'cd incoming\nput *\n' | sftp -b - debmill", goes_on=True),
    "sftp-10-glob": Way("sftp", TRIXIE, script="printf 'cd incoming\nput *\n' | sftp -b - debmill", goes_on=True),
    "scp-9": Way("scp", BOOKWORM),
    "scp-10": Way("scp", TRIXIE),
    "scp-9-p": Way("scp", BOOKWORM, change=("scp ", "scp -p ")),
    "curl": Way("curl", BOOKWORM, hears=False, reason=False),
    "lftp": Way("lftp", BOOKWORM, hears=False),
    "lftp-mirror": Way(
        "lftp",
        BOOKWORM,
        script="lftp -c 'open sftp://alice:@debmill/incoming && mirror -R . .'",
        hears=False,
        goes_on=True,
    ),
    "psftp": Way("psftp", BOOKWORM),
    "paramiko": Way("scp", TRIXIE, script=OWN_PARAMIKO, hears=False),
}


@pytest.mark.parametrize(
    ("system", "versions"),
    [
        (BOOKWORM, ("dput 1.1", "OpenSSH_9.2", "LFTP | Version 4.9", "curl 7.88", "psftp: Release 0.7")),
        (TRIXIE, ("dput-ng 1.4", "python3-paramiko 3.", "OpenSSH_10.")),
        (BOOKWORM_NG, ("dput-ng 1.3", "python3-paramiko 2.12", "OpenSSH_9.2")),
    ],
    ids=["12", "13", "12-ng"],
)
def test_a_system_has_the_clients_of_its_release(desk: Reception, system: System, versions: tuple[str, ...]) -> None:
    """Also the one that makes each system, when the cache has none."""
    show = "dpkg-query -W -f '${Package} ${Version}\n'; ssh -V; lftp --version; curl --version; psftp -V; true"
    shown = desk.machine(system, "sftp").run(show).output
    assert [version for version in versions if version not in shown] == []


@pytest.fixture(scope="module")
def refused(desk: Reception) -> dict[str, tuple[SourceUpload, Ran]]:
    """An upload by each way that its signer, whom nobody knew, tried in vain; the signer is registered now."""
    guest = desk.stranger("guest")
    uploads = {name: desk.craft(f"by-{name}", guest) for name in WAYS}
    tried = {name: (upload, WAYS[name].send(desk, upload)) for name, upload in uploads.items()}
    desk.register(guest)
    return tried


@pytest.mark.parametrize("name", WAYS)
def test_an_upload_is_refused_then_taken_then_known(
    desk: Reception, refused: dict[str, tuple[SourceUpload, Ran]], name: str
) -> None:
    """The same files three times: signed by nobody known, by a registered uploader, and once more."""
    way, (upload, first) = WAYS[name], refused[name]
    assert first.status != 0, first.output
    assert ("which no registered uploader has" in first.output) == way.reason, first.output

    taken = way.send(desk, upload)
    assert taken.status == 0, taken.output
    assert (f"debmill: taken by-{name} 1.0-1" in taken.output) == way.hears, taken.output
    assert desk.taken(upload) == digests(upload.files)

    again = way.send(desk, upload)
    assert again.status != 0, again.output
    assert ("were taken before" in again.output) == way.reason, again.output

    orig = [f"by-{name}_1.0.orig.tar.xz"]
    assert desk.visible(upload) in ([], orig if way.goes_on else []), again.output


@pytest.mark.parametrize("name", ["sftp-9-glob", "sftp-10-glob"])
def test_a_glob_that_sends_the_changes_before_the_orig_is_told_what_is_missing(desk: Reception, name: str) -> None:
    upload = desk.craft(f"early-{name}")
    sent = WAYS[name].send(desk, upload)
    waiting, taken = (line for line in sent.output.splitlines() if line.startswith("debmill:"))
    assert waiting == f"debmill: waiting for early-{name}_1.0.orig.tar.xz of {upload.changes.name}"
    assert taken.startswith(f"debmill: taken early-{name} 1.0-1")


@pytest.mark.parametrize(("name", "known"), [("dput", 0), ("dput-ng", 3), ("dupload-scpb", 0)])
def test_a_client_that_remembers_what_it_sent_is_told_by_f_to_send_again(
    desk: Reception, name: str, known: int
) -> None:
    """The client itself stops a second time by its `.upload` log; with -f the server refuses."""
    upload = desk.craft(f"forced-{name}")
    again = command(desk.machine(WAYS[name].system, WAYS[name].client), upload)
    forced = again.replace(" ", " -f ", 1)
    sent = WAYS[name].send(desk, upload, then=f"echo first: $?; {again}; echo second: $?; {forced}")
    assert "\nfirst: 0\n" in sent.output
    assert f"\nsecond: {known}\n" in sent.output
    assert sent.status != 0
    assert sent.output.count("were taken before") == 1


@pytest.mark.parametrize("name", ["dput", "dput-ng", "dupload-scp", "dupload-scpb", "scp-9-p", "sftp-10-fp"])
def test_files_that_only_their_owner_may_read_are_uploaded(desk: Reception, name: str) -> None:
    """As a umask of 077 leaves them; dput then runs `chmod 0644` on the server."""
    upload = desk.craft(f"private-{name}")
    sent = WAYS[name].send(desk, upload, mode=0o600)
    assert sent.status == 0, sent.output
    assert desk.taken(upload) == digests(upload.files)


@pytest.mark.parametrize(
    ("client", "read"),
    [
        ("curl", 'for one in $({curl} -l {url}); do {curl} "{url}$one"; done'),
        ("lftp", "lftp -c 'open sftp://alice:@debmill/status && mget *'; cat *.txt"),
        ("psftp", "printf 'cd /status\nmget *\n' | {psftp} && cat *.txt"),
        ("sftp", "sftp debmill:'/status/*' && cat *.txt"),
    ],
)
def test_the_reason_of_a_refusal_can_be_read_later(desk: Reception, client: str, read: str) -> None:
    stranger = desk.stranger(f"reads-{client}")
    assert WAYS["scp-9"].send(desk, desk.craft(f"late-{client}", stranger)).status != 0
    machine = desk.machine(BOOKWORM, client)
    printed: str = machine.client["command"]
    words = {"curl": printed.partition(" -Q ")[0], "psftp": printed.rpartition("| ")[2]}
    words["url"] = printed.rpartition(" ")[2].replace("/incoming/", "/status/")
    ran = machine.run(read.format(**words))
    assert ran.status == 0, ran.output
    assert stranger.fingerprint in ran.output
