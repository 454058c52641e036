from __future__ import annotations

import subprocess

import pytest

from daemons.intake import hostkey


@pytest.fixture
def path(tmp_path):
    hostkey.make(tmp_path / "host")
    return tmp_path / "host"


def test_the_key_is_made_once_and_never_again(path):
    before = path.read_bytes()
    with pytest.raises(hostkey.NoHostKey, match="already"):
        hostkey.make(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["host"]


def test_nobody_else_can_read_it(path):
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_fingerprints_are_those_of_ssh_keygen(path):
    key = hostkey.load(path)
    for kind, fingerprint in (
        ("sha256", hostkey.sha256_fingerprint(key)),
        ("md5", f"MD5:{hostkey.md5_fingerprint(key)}"),
    ):
        shown = subprocess.run(["ssh-keygen", "-l", "-E", kind, "-f", path], check=True, capture_output=True, text=True)
        assert shown.stdout.split()[1] == fingerprint


def test_known_hosts_names_the_port_unless_it_is_22(path):
    key = hostkey.load(path)
    blob = key.get_base64()
    assert hostkey.known_hosts_line(key, "h.example", 22) == f"h.example ssh-ed25519 {blob}"
    assert hostkey.known_hosts_line(key, "h.example", 2222) == f"[h.example]:2222 ssh-ed25519 {blob}"


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n"])
def test_a_missing_or_broken_key_is_an_error_and_stays(tmp_path, content):
    path = tmp_path / "host"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(hostkey.NoHostKey, match=str(path)):
        hostkey.load(path)
    assert not path.exists() if content is None else path.read_bytes() == content
