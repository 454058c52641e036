"""What an uploader's own machine needs: stanzas for ssh, dput, dput-ng and dupload, and the host key's line. Pure."""

from __future__ import annotations

import json

from msgspec import Struct


class Server(Struct, frozen=True):
    """How the SFTP server is reached, and by which key it is known."""

    name: str
    host: str
    port: int
    known_hosts: str
    sha256: str
    md5: str


def stanzas(server: Server, account: str) -> str:
    """Write all of it, each part under the name of the file it belongs in.

    dput and dupload know no port: the ssh_config entry gives it, under the name both use as host.
    """
    parts = [
        (f"~/.ssh/known_hosts   ({server.sha256}, {server.md5})", server.known_hosts),
        ("~/.ssh/config", _ssh_config(server, account)),
        ("~/.dput.cf   (dput)", _dput(server)),
        (f"~/.dput.d/profiles/{server.name}.json   (dput-ng)", _dput_ng(server, account)),
        ("~/.dupload.conf   (dupload)", _dupload(server, account)),
    ]
    commands = f"# then:  dput {server.name} FILE_source.changes      or:  sftp {server.name}"
    return "\n\n".join([*(f"# {title}\n{text}" for title, text in parts), commands])


def _ssh_config(server: Server, account: str) -> str:
    lines = [f"HostName {server.host}", f"Port {server.port}", f"User {account}"]
    return "\n".join([f"Host {server.name}", *(f"    {line}" for line in lines)])


def _dput(server: Server) -> str:
    fields = {
        "fqdn": server.name,
        "login": "*",
        "method": "scp",
        "incoming": "/incoming",
        "allowed_distributions": ".*",
        "allow_dcut": "1",
    }
    return "\n".join([f"[{server.name}]", *(f"{name} = {value}" for name, value in fields.items())])


def _dput_ng(server: Server, account: str) -> str:
    """Write a profile; `confirm_upload` makes dput-ng look once more, for it overlooks a refusal at the close."""
    fields = {"fqdn": server.host, "port": server.port, "login": account, "method": "sftp", "incoming": "/incoming"}
    return json.dumps(
        {**fields, "sftp": {"confirm_upload": True}, "allow_unsigned_uploads": False, "allowed_distributions": ".*"},
        indent=1,
    )


def _dupload(server: Server, account: str) -> str:
    return (
        "package config;\n"
        f"$cfg{{'{server.name}'}} = {{ fqdn => '{server.name}', login => '{account}', method => 'scpb',\n"
        "    incoming => '/incoming/', dinstall_runs => 1 };\n1;"
    )
