from __future__ import annotations

import json

import msgspec
import pytest

from daemons.telling import clients
from daemons.telling.clients import Server

SERVER = Server("debmill", "upload.example.org", 2222, "the line", "SHA256:abc", "00:11")


def test_what_is_printed_holds_every_file_and_every_command() -> None:
    text, setup = clients.printed(SERVER, "alice"), clients.setup(SERVER, "alice")
    for path, content in setup.files.items():
        assert f"# {path}\n{content}" in text
    for name, client in setup.clients.items():
        assert f"{name:8} {client.command}\n" in f"{text}\n"
        assert not client.once or f"\n{client.once}\n" in text
        for path, content in client.files.items():
            assert f"# {path}   ({name})\n{content}" in text


@pytest.mark.parametrize(("host", "url"), [("::1", "sftp://alice@[::1]:2222/incoming/"), ("h", "sftp://alice@h:2222/")])
def test_an_address_is_written_as_each_client_reads_it(host: str, url: str) -> None:
    setup = clients.setup(Server("debmill", host, 2222, "the line", "SHA256:abc", "00:11"), "alice")
    assert url in setup.clients["curl"].command
    assert json.loads(setup.clients["dput-ng"].files["~/.dput.d/profiles/debmill.json"])["fqdn"] == host


def test_no_client_looks_a_second_time_where_an_sshd_lands_files() -> None:
    """What landed may be carried away by then, and the client would say that it failed."""
    setup = clients.setup(msgspec.structs.replace(SERVER, answers=False), "alice")
    assert "chmod" in clients.setup(SERVER, "alice").clients["curl"].command
    assert "chmod" not in setup.clients["curl"].command
    assert '"confirm_upload": false' in setup.clients["dput-ng"].files["~/.dput.d/profiles/debmill.json"]
