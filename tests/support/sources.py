"""Source packages: real ones from Debian, small ones of our own, and the signed uploads made of them.

Debian's are fetched by apt with a configuration of its own, from the mirror that the machine's apt uses. A mirror
need not hold every source: `fetch` says None, and the caller takes another, or one of `small`.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from tests.support.people import Person
from tests.support.tools import ToolFailed, run


@dataclass(frozen=True)
class SourceUpload:
    """A signed source upload: its `.changes` and what it is."""

    source: str
    version: str
    changes: Path
    signer: Person

    @property
    def files(self) -> list[Path]:
        """All files of the upload, the `.changes` last."""
        names = re.findall(r"^ [0-9a-f]{64} \d+ (\S+)$", self.changes.read_text(), re.MULTILINE)
        return [*(self.changes.parent / name for name in names), self.changes]

    @property
    def dsc(self) -> Path:
        """The `.dsc`."""
        return next(path for path in self.files if path.suffix == ".dsc")


class DebianSources:
    """Debian's source packages of one suite, fetched by an apt that shares nothing with the machine's."""

    def __init__(self, folder: Path, suite: str = "bookworm") -> None:
        from daemons.building.bases import mirror  # the demo's --help has no library yet

        self.folder = folder
        for name in ("etc", "state/lists/partial", "cache/archives/partial", "sources"):
            (folder / name).mkdir(parents=True)
        found = mirror.find(suite)
        self.config = folder / "apt.conf"
        self.config.write_text(_APT_CONFIG.format(folder=folder) + "".join(f"{line}\n" for line in found.proxies))
        stanza = _STANZA.format(uri=found.uri, suite=suite, keyring=found.signed_by)
        (folder / "etc/debian.sources").write_text(stanza)
        self._apt("update")

    def fetch(self, name: str) -> Path | None:
        """Fetch a source package and give its `.dsc`; None when the mirror does not hold it whole."""
        into = self.folder / "sources" / name
        into.mkdir()
        try:
            self._apt("source", "--download-only", name, cwd=into)
        except ToolFailed:
            return None
        return next(into.glob("*.dsc"), None)

    def _apt(self, *words: str, cwd: Path | None = None) -> None:
        run(["apt-get", "-q", "-y", *words], cwd=cwd, env={"APT_CONFIG": str(self.config)})


_APT_CONFIG = """\
Dir::Etc "{folder}/etc";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{folder}/etc";
Dir::Etc::Parts "/nonexistent";
Dir::State "{folder}/state";
Dir::State::Status "/dev/null";
Dir::Cache "{folder}/cache";
APT::Sandbox::User "root";
"""

_STANZA = """\
Types: deb-src
URIs: {uri}
Suites: {suite}
Components: main
Signed-By: {keyring}
"""


def prepare(dsc: Path, version: str, suite: str, by: Person, into: Path, *, orig: bool = True) -> SourceUpload:
    """Make a signed source upload of a source package under a version of our own.

    `version` is what is added to the package's own (`+demo1`). Without `orig` the upload leaves the orig tarball to
    the archive, as every later upload of an upstream version does.
    """
    work = into / f"{dsc.name.partition('_')[0]}{version}"
    work.mkdir(parents=True)
    run(["dpkg-source", "--no-check", "-x", dsc, "tree"], cwd=work)
    for tarball in dsc.parent.glob("*.orig*.tar.*"):
        shutil.copy(tarball, work)
    source, full = add_changelog_entry(work / "tree/debian/changelog", version, suite, by)
    return build_source(work / "tree", source, full, by, "-sa" if orig else "-sd")


def add_changelog_entry(changelog: Path, version: str, suite: str, by: Person) -> tuple[str, str]:
    """Put an entry on top of a changelog (deb-changelog(5)) and give the source's name and its new version."""
    old = changelog.read_text(errors="surrogateescape")
    match = re.match(r"(\S+) \(([^)]+)\)", old)
    assert match is not None
    source, full = match[1], match[2] + version
    changelog.write_text(changelog_entry(source, full, suite, by) + old, errors="surrogateescape")
    return source, full


def changelog_entry(source: str, version: str, suite: str, by: Person) -> str:
    """Write one entry of deb-changelog(5), dated now."""
    date = format_datetime(datetime.now(UTC))
    return _CHANGELOG.format(source=source, version=version, suite=suite, who=by, date=date)


def build_source(tree: Path, source: str, version: str, by: Person, orig: str = "-sa") -> SourceUpload:
    """Build and sign the source upload of an unpacked tree with dpkg-buildpackage."""
    argv = ["dpkg-buildpackage", "-S", orig, "-d", "-nc", f"-k{by.fingerprint}", f"-e{by.full_name} <{by.address}>"]
    run(argv, cwd=tree, env=by.env)
    without_epoch = version.rpartition(":")[2]
    return SourceUpload(source, version, tree.parent / f"{source}_{without_epoch}_source.changes", by)


_CHANGELOG = """\
{source} ({version}) {suite}; urgency=medium

  * Rebuilt for this archive.

 -- {who.full_name} <{who.address}>  {date}

"""
