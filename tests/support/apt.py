"""A user of the archive: real apt in a fresh Debian system that never saw debmill.

The system is a clean environment over the cached base, with the host's network. Its apt has a configuration of its
own and otherwise apt's defaults; it reads Debian's mirror, as any machine does, and one more stanza.
"""

from __future__ import annotations

import sys
from base64 import encodebytes
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import Ran, run

_ENTER = Path(__file__).with_name("enter.py")

_STANZA = """\
Types: deb
URIs: {url}
Suites: {suite}
Components: main
Signed-By: {key}
"""

_CONFIG = """\
Dir::Etc::Parts "/nonexistent";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Dpkg::Use-Pty "false";
"""

_PREPARE = """\
set -eu
export DEBIAN_FRONTEND=noninteractive APT_CONFIG=/etc/apt/client.conf
cat >$APT_CONFIG <<'END'
{config}END
base64 -d >{key} <<'END'
{certificate}END
cat >/etc/apt/sources.list.d/debmill.sources <<'END'
{stanza}END
"""

# Each part's output is marked, to be told apart.
_INSTALL = """\
apt-get -q update
apt-get -q -y install --download-only {packages}
(cd /var/cache/apt/archives && sha256sum *.deb | sed 's/^/fetched: /')
apt-get -q -y install {packages}
for package in {packages}; do
  dpkg-query -W -f 'installed: ${{Package}} ${{Version}} ${{Architecture}}\\n' $package
  apt-cache policy $package | sed "s/^/policy $package: /"
done
"""

KEY = "/usr/share/keyrings/debmill.gpg"


@dataclass(frozen=True)
class Client:
    """A fresh system over a base, and the archive its sources name."""

    base: Path
    url: str
    suite: str
    certificate: bytes

    @property
    def stanza(self) -> str:
        """What a user puts into sources.list.d (deb822)."""
        return _STANZA.format(url=self.url, suite=self.suite, key=KEY)

    def run(self, script: str, *, check: bool = True) -> Ran:
        """Run a shell script as root of the fresh system. Raises ToolFailed."""
        certificate = encodebytes(self.certificate).decode()
        prepare = _PREPARE.format(config=_CONFIG, key=KEY, certificate=certificate, stanza=self.stanza)
        argv: list[str | Path] = [sys.executable, "-P", _ENTER, self.base]
        return run(argv, cwd=Path("/"), stdin=(prepare + script).encode(), check=check, timeout=1200)

    def install(self, *packages: str, then: str = "") -> Visit:
        """Update, install packages, and run one more script. Raises ToolFailed."""
        return Visit(self.run(_INSTALL.format(packages=" ".join(packages)) + then).output)


@dataclass(frozen=True)
class Visit:
    """What a client said while it installed."""

    output: str

    def marked(self, mark: str) -> list[str]:
        """The lines of one mark, without it."""
        return [line.removeprefix(f"{mark}: ") for line in self.output.splitlines() if line.startswith(f"{mark}: ")]

    @property
    def versions(self) -> dict[str, str]:
        """The installed packages and their versions."""
        return {line.split()[0]: line.split()[1] for line in self.marked("installed")}

    @property
    def hashes(self) -> dict[str, str]:
        """The names of the .debs that were fetched, and their SHA256."""
        return {line.split()[1]: line.split()[0] for line in self.marked("fetched")}
