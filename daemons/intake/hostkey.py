"""The server's host key: one ed25519 key, made once and never again, and how clients are told of it.

A key that cannot be read is an error for a person: a new one would look like an attack to every client.
"""

from __future__ import annotations

from pathlib import Path

from paramiko import Ed25519Key, SSHException

from archive import ed25519
from queues import atomic
from queues.problem import Problem

SSH_PORT = 22


class NoHostKey(Problem):
    """The host key is missing, unreadable, or there already."""


def make(path: Path) -> None:
    """Make the key file, mode 0600, whole or not at all. Raises NoHostKey when there is one already."""
    secret = ed25519.openssh(ed25519.generate())
    aside = path.with_name(f".{path.name}.new")
    atomic.remove(aside)
    atomic.disk.create(aside, secret, 0o600)
    try:
        atomic.disk.link(aside, path)  # unlike a rename, never in the place of an older key
    except FileExistsError:
        raise NoHostKey(f"{path}: there is a host key already, and clients trust it") from None
    finally:
        atomic.disk.unlink(aside)
        atomic.disk.sync(path.parent)


def load(path: Path) -> Ed25519Key:
    """Read the key. Raises NoHostKey that names the remedy."""
    try:
        return Ed25519Key.from_private_key_file(path)
    except FileNotFoundError:
        raise NoHostKey(f"{path}: no host key; `debmill init` makes one") from None
    except (OSError, SSHException, ValueError) as error:
        raise NoHostKey(f"{path}: the host key cannot be read ({error}); restore it from a backup") from None


def sha256_fingerprint(key: Ed25519Key) -> str:
    """Give the fingerprint that OpenSSH shows: `SHA256:...`."""
    return key.fingerprint


def md5_fingerprint(key: Ed25519Key) -> str:
    """Give the fingerprint that older clients and dput-ng show: sixteen hex pairs."""
    return key.get_fingerprint().hex(":")


def known_hosts_line(key: Ed25519Key, host: str, port: int) -> str:
    """Give the line for ~/.ssh/known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    name = host if port == SSH_PORT else f"[{host}]:{port}"
    return f"{name} {key.get_name()} {key.get_base64()}"


def introduced(key: Ed25519Key, host: str, port: int) -> list[str]:
    """Give the lines by which an operator tells uploaders what to expect of the server."""
    return [
        f"host key {sha256_fingerprint(key)}, MD5 {md5_fingerprint(key)}",
        f"for ~/.ssh/known_hosts: {known_hosts_line(key, host, port)}",
    ]
