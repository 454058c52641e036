"""What clients can do elsewhere and not here: each ends with its reason and leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.reception import Reception, digests, reception
from tests.support.systems import BOOKWORM, TRIXIE
from tests.support.ways import Way, command

pytestmark = pytest.mark.integration

PROFILE = "~/.dput.d/profiles/debmill.json"
NO_COMMANDS = "this server runs no commands"
NO_RESUME = "an upload cannot be resumed"

IMPOSSIBLE = {
    "rsync": (Way("scp", BOOKWORM, change=("scp ", "rsync -a ")), NO_COMMANDS),
    "dput-rsync": (Way("dput", BOOKWORM, before="sed -i s/scp/rsync/ ~/.dput.cf"), NO_COMMANDS),
    "scp-9-O": (Way("scp", BOOKWORM, change=("scp ", "scp -O ")), NO_COMMANDS),
    "scp-10-O": (Way("scp", TRIXIE, change=("scp ", "scp -O ")), NO_COMMANDS),
    "dput-ng-scp": (
        Way("dput-ng", TRIXIE, before=f'sed -i \'s/"sftp",/"scp",/; s/127.0.0.1/debmill/\' {PROFILE}'),
        NO_COMMANDS,
    ),
    "dput-ng-secure_sftp": (
        Way("dput-ng", TRIXIE, before=f'sed -i \'s/"sftp",/"secure_sftp",/; s/127.0.0.1/debmill/\' {PROFILE}'),
        "the method is to be sftp",
    ),
    "sftp-put-r": (
        Way("sftp", BOOKWORM, script="printf 'put -r ../upload incoming\n' | sftp -b - debmill"),
        "without -r",
    ),
    "scp-10-r": (Way("scp", TRIXIE, script="scp -r ../upload debmill:incoming"), "without -r"),
    "lftp-temporary-names": (
        Way("lftp", BOOKWORM, change=("open ", "set xfer:use-temp-file yes; open ")),
        "not the name of a file of a Debian upload",
    ),
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    with reception("impossible", tmp_path_factory.mktemp("impossible")) as made:
        yield made


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_is_not_possible_is_refused_with_the_reason_and_leaves_nothing(desk: Reception, name: str) -> None:
    way, reason = IMPOSSIBLE[name]
    upload = desk.craft(f"not-{name.lower().replace('_', '-')}")
    ran = way.send(desk, upload)
    assert ran.status != 0, ran.output
    assert reason in ran.output
    assert (desk.taken(upload), desk.visible(upload)) == ({}, [])
    desk.wait("nothing is arriving", lambda: desk.unfinished() == [])


@pytest.mark.parametrize(
    ("client", "resume", "reason"),
    [
        ("sftp", "printf 'reput %s\n' {part} | sftp -b - debmill:incoming", NO_RESUME),
        ("lftp", "lftp -c 'open sftp://alice:@debmill/incoming && put -c {part}'", NO_RESUME),
        ("curl", "{curl} -C - -T {part} {url}", "Upload failed"),
    ],
)
def test_an_upload_is_not_resumed(desk: Reception, client: str, resume: str, reason: str) -> None:
    """A first part of a file that lies there complete, as the server must think, is not gone on with."""
    upload = desk.craft(f"resumed-{client}")
    part = next(path.name for path in upload.files if ".debian.tar." in path.name)
    machine = desk.machine(BOOKWORM, client)
    printed: str = machine.client["command"]
    words = {"part": part, "curl": printed.partition(" -Q ")[0], "url": printed.rpartition(" ")[2]}
    cut = f"cp {part} ~/whole; truncate -s 100 {part}; scp {part} debmill:incoming; cp ~/whole {part}\n"
    ran = machine.run(cut + resume.format(**words), upload.files)
    assert ran.status != 0, ran.output
    assert reason in ran.output
    assert desk.visible(upload) == [part]
    sent = machine.run("scp *.dsc *.tar.* *.changes debmill:incoming", upload.files)
    assert sent.status == 0, sent.output
    assert desk.taken(upload) == digests(upload.files)


def test_psftp_does_not_go_on_where_it_does_not_know_the_host_key(desk: Reception) -> None:
    upload = desk.craft("strange")
    machine = desk.machine(BOOKWORM, "psftp")
    key = machine.client["command"].partition("-hostkey ")[2].split()[0]
    script = command(machine, upload)
    for other in ("", f"-hostkey {'0' * 2 + ':00' * 15}"):
        ran = machine.run(script.replace(f"-hostkey {key}", other), upload.files)
        assert ran.status != 0
        assert "host key" in ran.output.lower()
    assert desk.taken(upload) == {}
