"""What the builds of a suite may install from besides the mirror, and which of it they prefer, as apt is told of it."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from daemons.building.environment import Broken
from daemons.building.roots.contents import KEYRINGS, File
from queues import control

_BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_SOURCES, _PREFERENCES = "/etc/apt/sources.list.d/suite.sources", "/etc/apt/preferences.d/suite"


class Extra(Struct, frozen=True):
    """Sources in the deb822 form of sources.list(5), and pins as in apt_preferences(5); empty: none."""

    sources: str = ""
    preferences: str = ""

    def files(self) -> tuple[File, ...]:
        """Give what tells apt of them, with the keys that Signed-By names on this machine. Raises Broken."""
        try:
            stanzas = control.paragraphs(self.sources.encode())
        except control.Malformed as malformed:
            raise Broken(f"the suite's setting 'sources' cannot be read: {malformed}") from None
        keys = []
        for number, stanza in enumerate(stanzas):
            signed_by = stanza.get("Signed-By", "").strip()
            if not signed_by.startswith(_BLOCK):
                keys.append(_key(number, signed_by))
                stanza["Signed-By"] = keys[-1].path
        texts = ((_SOURCES, "\n".join(map(_text, stanzas))), (_PREFERENCES, self.preferences))
        return (*keys, *(File(path, text.encode()) for path, text in texts if text.strip()))


def _key(number: int, signed_by: str) -> File:
    """Give the file of a key that a source names on this machine. Raises Broken."""
    path = Path(signed_by)
    if not path.is_absolute():
        raise Broken("the suite's setting 'sources': each needs Signed-By, the path of a key or the key itself")
    try:
        return File(f"{KEYRINGS}/suite-{number}{path.suffix}", path.read_bytes())
    except OSError as error:
        raise Broken(f"{path}, which the suite's setting 'sources' names, cannot be read: {error.strerror}") from None


def _text(stanza: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in stanza.items())
