"""What an uploader's own machine needs: files for ssh, dput, dput-ng and dupload, and a command line for each client.

Each of them is what the tests run against a real server. Pure.
"""

from __future__ import annotations

import json

from msgspec import Struct

from daemons.intake.paths import INCOMING

FILES = "FILES"  # in a command: the names of the files, the .changes last
CHANGES = "CHANGES"  # in a command: the .changes alone, for the clients that read it
_KEY, _PPK = "~/.ssh/id_ed25519", "~/.ssh/id_ed25519.ppk"
_PROFILE = "~/.dput.d/profiles/{}.json"
_HOW_TO_SEND = f"""\
# One of these, run where the files are: {CHANGES} is the .changes, {FILES} are all files, the .changes last.
# dput-ng reads ~/.dput.cf, too, and takes scp from it, which is refused: keep the file of the one you use."""


class Server(Struct, frozen=True):
    """How the SFTP server is reached, by which key it is known, and whether it answers with its verdict.

    One that does not (an sshd) takes no second look at what was sent: it may have been carried away already.
    """

    name: str
    host: str
    port: int
    known_hosts: str
    sha256: str
    md5: str
    answers: bool = True


class Client(Struct, frozen=True):
    """One client: the command that uploads, files by path that it reads, and a command to be run once before."""

    command: str
    files: dict[str, str] = {}
    once: str = ""


class Setup(Struct, frozen=True):
    """What an uploader's machine needs: files by path for all that run ssh, and the clients by name."""

    files: dict[str, str]
    clients: dict[str, Client]


def setup(server: Server, account: str) -> Setup:
    """Write all of it for an account whose SSH key is ~/.ssh/id_ed25519."""
    files = {"~/.ssh/known_hosts": f"{server.known_hosts}\n", "~/.ssh/config": _ssh_config(server, account)}
    host = f"[{server.host}]" if ":" in server.host else server.host
    url = f"sftp://{account}@{host}:{server.port}"
    look = f" -Q '-chmod 644 {INCOMING}/{CHANGES}'" if server.answers else ""
    batch = f"psftp -batch -P {server.port} -hostkey {server.sha256} -i {_PPK} -b /dev/stdin"
    clients = {
        "dput": Client(f"dput {server.name} {CHANGES}", {"~/.dput.cf": _dput(server)}),
        "dput-ng": Client(f"dput {server.name} {CHANGES}", {_PROFILE.format(server.name): _dput_ng(server, account)}),
        "dupload": Client(f"dupload --to {server.name} {CHANGES}", {"~/.dupload.conf": _dupload(server, account)}),
        "sftp": Client(f"printf 'put %s\\n' {FILES} | sftp -b - {server.name}:{INCOMING}"),
        "scp": Client(f"scp {FILES} {server.name}:{INCOMING}"),
        "lftp": Client(f"lftp -c 'open sftp://{account}:@{server.name}{INCOMING} && mput {FILES}'"),
        "curl": Client(
            f"curl -sS --key {_KEY} --hostpubsha256 {server.sha256.removeprefix('SHA256:')}"
            f"{look} -T \"{{$(echo {FILES} | tr ' ' ,)}}\" {url}{INCOMING}/"
        ),
        "psftp": Client(
            f"printf 'put %s\\n' {FILES} | {batch} {account}@{server.host}", once=f"puttygen {_KEY} -o {_PPK}"
        ),
    }
    return Setup(files, clients)


def printed(server: Server, account: str) -> str:
    """Write the same for a person to read and copy: each file under its name, then a command a line."""
    found = setup(server, account)
    parts = [f"# the server's host key is {server.sha256}, MD5 {server.md5}"]
    parts += [f"# {path}\n{text}" for path, text in found.files.items()]
    parts += [f"# {path}   ({name})\n{text}" for name, one in found.clients.items() for path, text in one.files.items()]
    parts += [f"# once, for {name}\n{one.once}\n" for name, one in found.clients.items() if one.once]
    return "\n".join([*parts, _HOW_TO_SEND, *(f"{name:8} {one.command}" for name, one in found.clients.items())])


def _ssh_config(server: Server, account: str) -> str:
    """Write the name by which ssh, and all that run it, find the server: dput and dupload know no port."""
    lines = [f"HostName {server.host}", f"Port {server.port}", f"User {account}"]
    return "\n".join([f"Host {server.name}", *(f"    {line}" for line in lines)]) + "\n"


def _dput(server: Server) -> str:
    fields = {
        "fqdn": server.name,
        "login": "*",
        "method": "scp",
        "incoming": INCOMING,
        "allowed_distributions": ".*",
        "allow_dcut": "1",
    }
    return "\n".join([f"[{server.name}]", *(f"{name} = {value}" for name, value in fields.items())]) + "\n"


def _dput_ng(server: Server, account: str) -> str:
    """Write a profile; `confirm_upload` is dput-ng's second look, for it overlooks a refusal at the close."""
    fields = {"fqdn": server.host, "port": server.port, "login": account, "method": "sftp", "incoming": INCOMING}
    more = {"sftp": {"confirm_upload": server.answers}, "allow_unsigned_uploads": False, "allowed_distributions": ".*"}
    return json.dumps({**fields, **more}, indent=1) + "\n"


def _dupload(server: Server, account: str) -> str:
    return (
        "package config;\n"
        f"$cfg{{'{server.name}'}} = {{ fqdn => '{server.name}', login => '{account}', method => 'scpb',\n"
        f"    incoming => '{INCOMING}/', dinstall_runs => 1 }};\n1;\n"
    )
