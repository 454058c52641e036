"""Text that a person wrote and others will see: on terminals, in mails, on pages. Checked before it gets anywhere."""

from __future__ import annotations

import re
import unicodedata

from review.refusal import Refusal

# Letters that turn the direction of what follows: a terminal would show another text than the one that is there.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
LONGEST_LINE = 200  # characters of a name, an address, a value of one line
LONGEST_TEXT = 1 << 20  # characters of a whole .changes or .dsc


def decode(octets: bytes, what: str) -> str:
    """Decode UTF-8 and refuse what could steer a terminal or a mail header. Raises Refusal."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("text", f"{what}: byte {error.start} is not UTF-8") from None
    if len(text) > LONGEST_TEXT:
        raise Refusal("text", f"{what}: longer than {LONGEST_TEXT} characters")
    for letter in set(text) - set("\n\t"):
        if unicodedata.category(letter) in ("Cc", "Zl", "Zp") or _TURNING.match(letter):
            raise Refusal("text", f"{what}: holds the control character U+{ord(letter):04X}, in {_where(text, letter)}")
    return text


def line(value: str, what: str) -> str:
    """Check a value of one line. Raises Refusal."""
    if "\n" in value or "\t" in value or len(value) > LONGEST_LINE:
        raise Refusal("text", f"{what}: not one line of at most {LONGEST_LINE} characters")
    return value


def _where(text: str, letter: str) -> str:
    before = text[: text.index(letter)].split("\n")
    field = next((one for one in reversed(before) if one[:1].isalpha() and ":" in one), "the first line")
    return field.partition(":")[0][:40]
