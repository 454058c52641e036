"""The archive's key in the hands of several at once, as when somebody looks at it while the archive is published."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from archive import openpgp
from archive.signing import ArchiveKey


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
