"""The webhook: each event is POSTed as JSON (`events.Told`) to an address of the settings, until it is taken.

At least once: a receiver drops what comes again by its `id`, which is in the header Debmill-Delivery, too. The header
Debmill-Signature is `sha256=` and the HMAC-SHA256 (RFC 2104) of the body, in hex, by the secret in
SITE/keys/webhook.secret. Any 2xx takes an event. Redirections are not followed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from daemons.notifying.channel import Delivered, Delivery, Waits
from daemons.notifying.events import DIGEST, kind, told
from daemons.notifying.pauses import Pause, after
from daemons.sites import Site
from queues import atomic
from queues.entry import Entry
from queues.values import Notice

POSTED = "posted"
SECRET = "webhook.secret"
BUSY = (408, 425, 429)  # request timeout, too early, too many requests (RFC 9110; RFC 8470; RFC 6585)


class Webhook:
    """The webhook of a site; without an address nothing is posted."""

    def __init__(self, site: Site) -> None:
        self._url = urlsplit(site.settings.notices.webhook)
        self._seconds = site.settings.notices.webhook_seconds
        self._clock = site.spool.clock
        self._pause = Pause()
        self._secret = secret(site.keys) if self._url.netloc else b""

    def deliver(self, entry: Entry[Notice]) -> Delivery:
        """Post an event, unless it was taken before."""
        if not self._url.netloc or kind(entry.envelope) == DIGEST:
            return Delivered("")
        if any(event.event == POSTED for event in entry.history):
            return Delivered(POSTED)
        now = self._clock()
        if self._pause.until and self._pause.lasts(now):
            return Waits(self._pause.reason, self._pause.until)
        return self._posted(entry)

    def _posted(self, entry: Entry[Notice]) -> Delivery:
        where = f"webhook {self._url.netloc}"
        try:
            status = self._post(msgspec.json.encode(told(entry.envelope, entry.name.key)), entry)
        except (OSError, HTTPException, ValueError) as error:
            return self._away(f"{where}: {str(error) or type(error).__name__}")
        if status >= 500 or status in BUSY:
            return self._away(f"{where}: answered {status}")
        self._pause.end()
        if 200 <= status < 300:
            entry.note(POSTED, to=self._url.netloc)
            return Delivered(POSTED)
        tries = sum(event.event == "deferred" for event in entry.history) + 1
        return Waits(f"{where}: answered {status}", self._clock() + after(tries))  # this event alone, perhaps

    def _away(self, reason: str) -> Delivery:
        return Waits(reason, self._pause.begin(reason, self._clock()))

    def _post(self, body: bytes, entry: Entry[Notice]) -> int:
        """Give the status of the answer; its body is not read. Raises OSError, HTTPException, ValueError."""
        kind_of = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = kind_of(self._url.hostname or "", self._url.port, timeout=self._seconds)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "debmill",
            "Debmill-Event": kind(entry.envelope),
            "Debmill-Delivery": entry.name.key,
            "Debmill-Signature": signature(self._secret, body),
        }
        try:
            path = f"{self._url.path or '/'}{'?' if self._url.query else ''}{self._url.query}"
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


def signature(key: bytes, body: bytes) -> str:
    """Sign a body, as a receiver does again to compare. Pure."""
    return f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"


def secret(keys: Path) -> bytes:
    """Give the secret; the first time, one is made."""
    path = keys / SECRET
    if not path.exists():
        atomic.make(keys)
        atomic.replace(path, f"{secrets.token_hex(32)}\n".encode(), 0o600)
    return path.read_bytes().strip()
