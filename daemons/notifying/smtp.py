"""Handing a mail to the mail server: who of its recipients was taken, and what the server said of the others.

Source: RFC 5321, section 4.2.1 (4yz: may be tried again; 5yz: not as it is).
"""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage

from msgspec import Struct

from daemons.settings import Mail, address

TIMEOUT = 30  # seconds
CLOSING = 421


class Away(Exception):
    """The server cannot be reached, or takes nothing from anybody now."""


class Answer(Struct, frozen=True):
    """What became of a mail: who gets it, for whom it may be tried again, for whom never, with the server's words."""

    taken: tuple[str, ...]
    later: dict[str, str]
    never: dict[str, str]


def send(message: EmailMessage, to: Sequence[str], mail: Mail) -> Answer:
    """Hand over one mail. Raises Away when nothing is known of what would become of it."""
    try:
        refused = _send(message, to, mail)
    except (OSError, smtplib.SMTPException) as error:
        raise Away(f"{mail.smtp}: {_words(error)}") from None
    if any(code == CLOSING for code, _ in refused.values()) and len(refused) == len(to):
        raise Away(f"{mail.smtp}: {_said(next(iter(refused.values())))}")
    return Answer(
        tuple(one for one in to if one not in refused),
        {one: _said(answer) for one, answer in refused.items() if answer[0] < 500},
        {one: _said(answer) for one, answer in refused.items() if answer[0] >= 500},
    )


def _send(message: EmailMessage, to: Sequence[str], mail: Mail) -> dict[str, tuple[int, bytes]]:
    server = smtplib.SMTP(*address(mail.smtp), timeout=TIMEOUT)
    try:
        return server.send_message(message, to_addrs=[*to])
    except smtplib.SMTPRecipientsRefused as error:
        return dict(error.recipients)
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        words = error.smtp_error
        return dict.fromkeys(to, (error.smtp_code, words if isinstance(words, bytes) else words.encode()))
    finally:
        with suppress(OSError, smtplib.SMTPException):  # what was taken is taken, however the server says goodbye
            server.quit()
        server.close()


def _said(answer: tuple[int, bytes]) -> str:
    code, words = answer
    return f"{code} {' '.join(words.decode(errors='replace').split())}"


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        return _said((error.smtp_code, words if isinstance(words, bytes) else words.encode()))
    return str(error) or type(error).__name__
