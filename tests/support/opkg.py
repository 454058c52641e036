"""opkg as its two worlds have it, written from what their clients were seen to do: for tests where neither can be had.

It reads a feed, checks what the client checks, and installs into a root, with the same weaknesses: OpenWrt's records a
package whose form it does not know as installed, and unpacks nothing. It shares no code with debmill.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import subprocess
import tarfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError

_FIELD = re.compile(r"^([^\s:]+): ?(.*(?:\n .*)*)", re.MULTILINE)
_NAME = re.compile(r"\s*([^\s(]+)\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^)\s]+)\s*\))?\s*")
Package = Mapping[str, str]
Verify = Callable[["Opkg", bytes, str], bool]


class Failed(Exception):
    """What the client says when it ends with an error."""


@dataclass(frozen=True)
class Feed:
    """A feed as a client has it after an update."""

    url: str
    packages: dict[str, Package]

    @staticmethod
    def parse(url: str, text: str) -> Feed:
        """Read the list; what lacks one of the fields that a client needs is dropped, as it would."""
        found = [dict(_FIELD.findall(block)) for block in text.split("\n\n") if block.strip()]
        needed = {"Package", "Version", "Architecture", "Filename", "Size", "MD5sum"}
        return Feed(url, {one["Package"]: one for one in found if needed <= one.keys()})

    @staticmethod
    def read(directory: Path) -> Feed:
        """Read a feed from its directory; every file must be that of `sha256sums`, every package that of its record."""
        for line in (directory / "sha256sums").read_text().splitlines():
            digest, name = line.split(" *")
            assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == digest, name
        text = (directory / "Packages").read_text()
        assert gzip.decompress((directory / "Packages.gz").read_bytes()).decode() == text
        feed = Feed.parse(str(directory), text)
        for one in feed.packages.values():
            check(one, (directory / one["Filename"]).read_bytes())
        return feed


def check(package: Package, content: bytes) -> None:
    """Compare what was fetched with its record. Raises Failed."""
    if len(content) != int(package["Size"]):
        raise Failed(f"{package['Package']}: {len(content)} bytes, {package['Size']} expected")
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != package["MD5sum"]:
        raise Failed(f"{package['Package']}: MD5 differs")
    if "SHA256sum" in package and hashlib.sha256(content).hexdigest() != package["SHA256sum"]:
        raise Failed(f"{package['Package']}: SHA256 differs")


def by_gpg(client: Opkg, text: bytes, url: str) -> bool:
    """Check as Yocto's client does with `signature_type gpg-asc`."""
    files = {name: client.root / name for name in ("list", "list.asc")}
    files["list"].write_bytes(text)
    files["list.asc"].write_bytes(fetch(f"{url}/Packages.asc"))
    keyring = client.root / "etc/opkg/gpg/trusted.gpg"
    command = ["gpgv", "--keyring", keyring, files["list.asc"], files["list"]]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def by_usign(client: Opkg, text: bytes, url: str) -> bool:
    """Check as OpenWrt's client does: the signature names the key's file, OpenBSD's signify verifies it."""
    signature = fetch(f"{url}/Packages.sig")
    number = base64.b64decode(signature.split(b"\n")[1])[2:10]
    key = client.root / "etc/opkg/keys" / f"{int.from_bytes(number):x}"
    files = {name: client.root / name for name in ("list", "list.sig")}
    files["list"].write_bytes(text)
    files["list.sig"].write_bytes(signature)
    command = ["signify-openbsd", "-V", "-p", key, "-x", files["list.sig"], "-m", files["list"]]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def fetch(url: str) -> bytes:
    """Fetch a file; what a server says no to is an error. Raises Failed."""
    try:
        with urllib.request.urlopen(url) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        raise Failed(f"{url}: {error}") from None


@dataclass
class Opkg:
    """A client with a root of its own; `form` says which packages it can unpack."""

    root: Path
    configuration: str
    form: str
    verify: Verify
    feeds: list[Feed] = field(default_factory=list)
    installed: dict[str, str] = field(default_factory=dict)

    @property
    def architectures(self) -> dict[str, int]:
        """Architectures of the configuration with their priorities."""
        lines = [line.split() for line in self.configuration.splitlines()]
        return {line[1]: int(line[2]) for line in lines if line[:1] == ["arch"]}

    def update(self) -> None:
        """Fetch and verify each list; one that is missing or badly signed is dropped. Raises Failed in the end."""
        failed, self.feeds = [], []
        for line in self.configuration.splitlines():
            if line.startswith("src/gz "):
                url = line.split()[2]
                text = gzip.decompress(fetch(f"{url}/Packages.gz"))
                if self.verify(self, text, url):
                    self.feeds.append(Feed.parse(url, text.decode()))
                else:
                    failed.append(url)
        if failed:
            raise Failed(f"signature check failed: {failed}")

    def list(self) -> dict[str, str]:
        """Give the packages that can be installed, and their versions."""
        return {name: one["Version"] for name, (_, one) in self._known().items()}

    def install(self, name: str) -> None:
        """Install a package and what it depends on. Raises Failed."""
        known = self._known()
        if name not in known:
            raise Failed(f"Couldn't find anything to satisfy '{name}'")
        feed, package = known[name]
        for group in filter(None, package.get("Depends", "").split(",")):
            self._satisfy(group)
        content = fetch(f"{feed.url}/{package['Filename']}")
        check(package, content)
        for data in self._data(content):
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                tar.extractall(self.root)
        self.installed[name] = package["Version"]

    def _known(self) -> dict[str, tuple[Feed, Package]]:
        return {
            name: (feed, one)
            for feed in self.feeds
            for name, one in feed.packages.items()
            if one["Architecture"] in self.architectures
        }

    def _satisfy(self, group: str) -> None:
        for choice in group.split("|"):
            match = _NAME.fullmatch(choice)
            assert match, choice
            if match[1] in self.installed:
                return
            provided = [name for name, (_, one) in self._known().items() if self._is(name, one, match[1], match[2])]
            if provided:
                self.install(provided[0])
                return
        raise Failed(f"Couldn't find anything to satisfy '{group.strip()}'")

    @staticmethod
    def _is(name: str, package: Package, wanted: str, relation: str | None) -> bool:
        """Say whether a package is what is wanted: a provided name has no version, and satisfies no versioned wish."""
        return name == wanted or (
            relation is None and wanted in [one.strip() for one in package.get("Provides", "").split(",")]
        )

    def _data(self, content: bytes) -> Iterator[bytes]:
        """Give the archive of files in a package; none when the client does not know the form."""
        if not content.startswith(b"!<arch>\n"):
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as outer:
                inner = outer.extractfile("./data.tar.gz")
                assert inner is not None
                yield inner.read()
        elif self.form == "both":
            command = ["dpkg-deb", "--fsys-tarfile", "/dev/stdin"]
            yield subprocess.run(command, input=content, capture_output=True, check=True).stdout


def yocto(root: Path, configuration: str, certificate: bytes) -> Opkg:
    """Give Yocto's client, which trusts a certificate."""
    (root / "etc/opkg/gpg").mkdir(parents=True)
    (root / "etc/opkg/gpg/trusted.gpg").write_bytes(certificate)
    return Opkg(root, configuration, "both", by_gpg)


def openwrt(root: Path, configuration: str, key: Path) -> Opkg:
    """Give OpenWrt's client, which has the public key of `keys/FINGERPRINT.pub`."""
    (root / "etc/opkg/keys").mkdir(parents=True)
    (root / "etc/opkg/keys" / key.stem).write_bytes(key.read_bytes())
    return Opkg(root, configuration, "tar", by_usign)
