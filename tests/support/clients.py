"""An uploader's tools as they are: dput and sftp, told by files of their own where the server is.

OpenSSH reads the configuration of the account, not of $HOME; so dput's ssh is told by options, and sftp by a file.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.people import Person
from tests.support.sources import SourceUpload
from tests.support.tools import Ran, run


class Uploader:
    """A person who uploads to one server as one account; `known_host` is the server's line for known_hosts."""

    def __init__(self, person: Person, account: str, port: int, known_host: str) -> None:
        self.person = person
        known_hosts = person.folder / "known_hosts"
        known_hosts.write_text(known_host.strip() + "\n")
        options = {
            "HostName": "127.0.0.1",
            "Port": str(port),
            "User": account,
            "IdentityFile": f'"{person.ssh_key}"',
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": f'"{known_hosts}"',
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
        }
        self.ssh_config = person.folder / "ssh_config"
        self.ssh_config.write_text("Host mill\n" + "".join(f"  {key} {value}\n" for key, value in options.items()))
        self.dput_config = person.folder / "dput.cf"
        listed = "\n".join(f"  {key}={value}" for key, value in options.items())
        self.dput_config.write_text(_DPUT.format(options=listed))

    def dput(self, upload: SourceUpload, *options: str, check: bool = True) -> Ran:
        """Send an upload with dput."""
        argv: list[str | Path] = ["dput", *options, "-c", self.dput_config, "mill", upload.changes]
        return run(argv, env=self.person.env, check=check)

    def dcut(self, *words: str | Path, check: bool = True) -> Ran:
        """Send commands with dcut, signed with the person's key; `-U FILE` sends a file as it is."""
        name, key = f"{self.person.full_name} <{self.person.address}>", self.person.fingerprint
        argv: list[str | Path] = ["dcut", "-c", self.dput_config, "-m", name, "-k", key, "--host", "mill", *words]
        return run(argv, env=self.person.env, check=check)

    def read(self, *paths: str, check: bool = True) -> str:
        """Read files of the server with sftp."""
        batch = "".join(f"get {path} {self.person.folder}/read.{place}\n" for place, path in enumerate(paths))
        argv: list[str | Path] = ["sftp", "-q", "-F", self.ssh_config, "-b", "-", "mill"]
        run(argv, stdin=batch.encode(), check=check)
        return "".join((self.person.folder / f"read.{place}").read_text() for place in range(len(paths)))

    def sftp(self, *files: Path, check: bool = True) -> Ran:
        """Send files with sftp, in this order, into the server's incoming folder."""
        batch = "".join(f'put "{path}"\n' for path in files)
        argv: list[str | Path] = ["sftp", "-q", "-F", self.ssh_config, "-b", "-", "mill:/incoming"]
        return run(argv, stdin=batch.encode(), check=check)


_DPUT = """\
[mill]
fqdn = mill
login = *
method = scp
incoming = /incoming
allow_dcut = 1
allowed_distributions = .*
ssh_config_options =
{options}
"""


def tampered(upload: SourceUpload, into: Path) -> list[Path]:
    """Copy an upload's files, one octet of its first tarball changed: same size, another checksum."""
    into.mkdir(parents=True)
    tarball = next(path for path in upload.files if ".tar." in path.name)
    copies = []
    for path in upload.files:
        data = bytearray(path.read_bytes())
        if path == tarball:
            data[-1] ^= 1
        (into / path.name).write_bytes(data)
        copies.append(into / path.name)
    return copies
