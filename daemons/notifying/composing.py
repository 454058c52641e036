"""The mail of a notice: its headers, and the thread that it belongs to. Pure.

A mail's Message-ID is made of the notice's key, so that a mail sent twice around a crash is one mail to its reader. The
first one of an upload, which tells that it was received, is what all others answer (RFC 5322, section 3.6.4).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime

from daemons.notifying.events import DIGEST, REFUSED, kind
from daemons.notifying.templates import Text
from queues.names import Key
from queues.values import Notice

ROOT = "received"  # the first event of an upload
ALONE = (DIGEST, REFUSED)  # what belongs to no upload
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # a build's log may hold anything


def compose(
    notice: Notice, key: Key, text: Text, sender: str, to: Sequence[str], reply_to: Sequence[str] = ()
) -> EmailMessage:
    """Write a mail; whoever answers it writes to `reply_to`, where somebody is named there."""
    message = EmailMessage()
    message["Subject"] = _CONTROL.sub("", text.subject)
    message["From"] = sender
    message["To"] = ", ".join(to)
    if reply_to:
        message["Reply-To"] = ", ".join(reply_to)
    message["Date"] = format_datetime(notice.at)
    domain = sender.rpartition("@")[2] or "localhost"
    root, own = f"<{notice.upload}@{domain}>", f"<{key}@{domain}>"
    if kind(notice) == ROOT:
        message["Message-ID"] = root
    else:
        message["Message-ID"] = own
        if kind(notice) not in ALONE:
            message["In-Reply-To"] = message["References"] = root
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_CONTROL.sub("", text.body))
    return message
