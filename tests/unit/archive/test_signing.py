"""The archive's key: in the hands of several at once; gpg's agent ends with its user, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive import openpgp, signing
from archive.signing import ArchiveKey, SigningFailed
from tests.support.mill import WaitedTooLong

TOP = Path(__file__).parents[3]
PATIENCE = 30  # seconds; gpg-agent looks for its parent every four
SIGNS = """
import sys
from pathlib import Path
from archive.signing import ArchiveKey
with ArchiveKey(Path(sys.argv[1]))._gpg() as gpg:
    gpg(["--clearsign"], b"text")
    print("signed", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose agent can be reached by its own path: pytest's directories may be too deep for a socket."""
    with tempfile.TemporaryDirectory(prefix="dm-", dir="/tmp") as short:
        home = Path(short, "home")
        ArchiveKey(home).create("a key")
        yield home
        assert agents(home) == []


def agents(home: Path) -> list[str]:
    """The processes that listen where the home's agent does."""
    asked = subprocess.run(
        ["gpg-connect-agent", "--no-autostart", "--homedir", str(home), "getinfo pid", "/bye"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in asked.stdout.splitlines() if line.startswith("D ")]


def test_signing_leaves_no_agent(home: Path) -> None:
    ArchiveKey(home).sign([b"one", b"two"])
    assert agents(home) == []


def test_an_agent_ends_when_its_user_is_killed_and_the_next_can_sign(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SIGNS, home], cwd=TOP, stdin=-1, stdout=-1, text=True) as signer:
        assert signer.stdout is not None
        assert signer.stdout.readline() == "signed\n"
        assert agents(home) != []
        os.kill(signer.pid, signal.SIGKILL)
    assert ArchiveKey(home).sign([b"three"])[0].inline
    until = time.monotonic() + PATIENCE
    while agents(home):
        if time.monotonic() > until:
            raise WaitedTooLong("gpg-agent outlives its user")
        time.sleep(0.1)


def test_a_home_beyond_a_sockets_path_can_sign(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 40) / "home"
    home.parent.mkdir()
    key = ArchiveKey(home)
    key.create("a key")
    assert key.sign([b"text"])[0].inline.startswith(b"-----BEGIN PGP SIGNED MESSAGE-----")


@pytest.mark.parametrize("longer", [0, 1, 5])
def test_a_home_about_as_long_as_a_sockets_path_allows_can_sign(longer: int) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        home = Path(short, "x" * (signing._LONGEST + longer - len(short) - 1))
        key = ArchiveKey(home)
        key.create("a key")
        assert key.sign([b"text"])[0].inline
        assert agents(home) == []


def test_a_key_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SigningFailed, match="`debmill init` makes one"):
        ArchiveKey(tmp_path / "none").sign([b"text"])


def test_several_may_sign_at_once(tmp_path: Path) -> None:
    key = ArchiveKey(tmp_path / "home")
    key.create("An archive")
    texts = [f"text {number}\n".encode() for number in range(6)]
    with ThreadPoolExecutor(3) as pool:
        signed = list(pool.map(lambda text: ArchiveKey(key.home).sign([text])[0], texts))

    known, now = openpgp.read_certificates(key.export(armored=False)), datetime.now(UTC)
    assert [openpgp.verify_clearsigned(one.inline, known, now).octets for one in signed] == texts
    for text, one in zip(texts, signed, strict=True):
        assert openpgp.verify_detached(text, one.detached, known, now).octets == text
