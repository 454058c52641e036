from __future__ import annotations

import subprocess

import pytest

from daemons.intake import publickey


def generate(path, kind, *options):
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-C", "a b", "-f", path / "id"], check=True)
    return (path / "id.pub").read_text()


@pytest.mark.parametrize("kind", [["ed25519"], ["ecdsa"], ["rsa", "-b", "2048"]])
def test_a_key_is_read_as_ssh_keygen_wrote_it(tmp_path, kind):
    line = generate(tmp_path, *kind)
    key = publickey.parse(line)
    assert [key.kind, key.blob.decode()] == line.split()[:2]
    shown = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "id.pub"], check=True, capture_output=True, text=True)
    assert key.fingerprint == shown.stdout.split()[1]


def test_a_weak_key_is_refused(tmp_path):
    with pytest.raises(publickey.NotAKey, match="1024 bits"):
        publickey.parse(generate(tmp_path, "rsa", "-b", "1024"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "not a kind of key"),
        ("nonsense", "not a kind of key"),
        ("sk-ssh-ed25519@openssh.com AAAA", "not a kind of key"),
        ("ssh-ed25519", "not a public key"),
        ("ssh-ed25519 %%%", "not a public key"),
        ("ssh-ed25519 AAAA", "not a public key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
    ],
)
def test_anything_else_is_refused_in_clear_words(line, said):
    with pytest.raises(publickey.NotAKey, match=said):
        publickey.parse(line)
