"""The one paragraph of a .dsc, inside its signature or without one.

Nothing is verified: a .dsc is bound by the SHA256 in the .changes that brought it, and its own signature is evidence
only. But what stands outside the signed message is refused, for dpkg and others read such a file differently.

Source: RFC 4880 section 7 (cleartext signatures), dsc(5).
"""

from __future__ import annotations

import re

LARGEST = 4 << 20
_SIGNED = re.compile(
    rb"-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z]+: [^\n]*\n)*\n"
    rb"(?P<text>.*?\n)\n?-----BEGIN PGP SIGNATURE-----\n[^-]*-----END PGP SIGNATURE-----\n*",
    re.DOTALL,
)


class NotADsc(ValueError):
    """A file that is not one paragraph, signed or not."""


def paragraph(content: bytes) -> bytes:
    """Give the text of the paragraph, without the signature around it. Raises NotADsc."""
    text = content.replace(b"\r\n", b"\n")
    if b"-----BEGIN" in text or b"-----END" in text:
        match = _SIGNED.fullmatch(text)
        if match is None or b"\n-----" in match["text"]:
            raise NotADsc("not exactly one signed message")
        text = re.sub(rb"(?m)^- ", b"", match["text"])
    if not text.strip() or b"\n\n" in text.strip(b"\n"):
        raise NotADsc("not exactly one paragraph")
    return text.strip(b"\n") + b"\n"
