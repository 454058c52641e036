"""What a user of the archive writes down: apt's stanza with the key in it, and opkg's lines. Pure.

Sources: sources.list(5), and the configuration of Yocto's and OpenWrt's opkg.
"""

from __future__ import annotations

from msgspec import Struct

from archive.opkg.records import architectures
from queues.values import Suite

_YOCTO = """\
# Yocto's opkg checks with gpg: import {url}/keys/archive.asc in /etc/opkg/gpg, and trust it there.
option check_signature 1
option signature_type gpg-asc
"""
_OPENWRT = """\
# OpenWrt's opkg checks with usign: save {url}/keys/{key}.pub
# as /etc/opkg/keys/{key}, and write only this option:
# option check_signature
"""
_ONLY_YOCTO = """\
# Not for OpenWrt's opkg: these feeds are of .debs, which it records as installed and does not unpack.
"""


class Subscription(Struct, frozen=True):
    """What a suite's users need: the file for apt's sources.list.d, and one for /etc/opkg by Debian's architecture."""

    suite: str
    apt: str
    opkg: dict[str, str]


def subscription(suite: Suite, url: str, certificate: str, feed_key: str) -> Subscription:
    """Write it for a suite served at a URL; `certificate` is the archive's key as text, `feed_key` the feeds' name."""
    feeds = {} if suite.opkg == "off" else {name: _opkg(suite, url, name, feed_key) for name in suite.architectures}
    return Subscription(suite.name, _apt(suite, url, certificate), feeds)


def printed(found: Subscription) -> str:
    """Write the same for a person to read and copy."""
    parts = [f"# /etc/apt/sources.list.d/{found.suite}.sources\n{found.apt}"]
    parts += [f"# /etc/opkg/{found.suite}.conf   ({name})\n{text}" for name, text in found.opkg.items()]
    return "\n".join(parts)


def _apt(suite: Suite, url: str, certificate: str) -> str:
    key = "".join(f" {line or '.'}\n" for line in certificate.strip().splitlines())
    fields = {"Types": "deb deb-src", "URIs": url, "Suites": suite.name, "Components": " ".join(suite.components)}
    return "".join(f"{name}: {value}\n" for name, value in fields.items()) + f"Signed-By:\n{key}"


def _opkg(suite: Suite, url: str, architecture: str, feed_key: str) -> str:
    names = architectures(suite)
    known = f"arch {names.get('all', 'all')} 1\narch {names.get(architecture, architecture)} 10\n"
    feeds = [f"src/gz {suite.name}_{one} {url}/opkg/{suite.name}/{one}/{architecture}\n" for one in suite.components]
    about = _YOCTO + (_OPENWRT if suite.opkg == "ipk" else _ONLY_YOCTO)
    return known + "".join(feeds) + about.format(url=url, key=feed_key)
