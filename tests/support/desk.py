"""A site with real environments, whose uploads wait for review: published and sent without a server or signatures."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive.inclusion import Included
from archive.repository import Repository
from daemons import samples, settings, sites
from daemons.command import command
from daemons.evidence.gatherer import EvidenceDaemon
from daemons.settings import Settings
from daemons.sites import Site
from queues.clock import utc
from queues.names import EntryName, upload_key
from queues.problem import Problem
from queues.values import Suite, Upload
from review.desk import Desk
from review.evidence import papers
from review.evidence.values import Evidence
from tests.support.bases import base_of
from tests.support.tools import run
from tests.support.world import Everybody
from tests.unit.archive.packages import Rubber, ref_of

SUITE = Suite("demo", architectures=("amd64",))
BARE = settings.Evidence(depends=False, lintian=False)
_CHANGES = """\
Format: 1.8
Source: {source}
Architecture: source
Version: {version}
Distribution: demo
Urgency: medium
Maintainer: Ulla <ulla@example.org>
Changed-By: Ulla <ulla@example.org>
Closes: 12 34
Changes:
 {source} ({version}) demo; urgency=medium
 .
   * Something.
Checksums-Sha256:
 {sha256} {size} {dsc}
Files:
 {md5} {size} misc optional {dsc}
"""


def native(into: Path, version: str, files: dict[str, str], source: str = "pkg", *, upstream: bool = False) -> Path:
    """Write a source package in a new folder of `into`, with these files besides the usual, and give its .dsc.

    It is native; or of a format that wants the tarball of `upstream`, which has one file.
    """
    tree = into / version / "tree"
    head = f"Source: {source}\nSection: misc\nPriority: optional\nMaintainer: Ulla <ulla@example.org>\n"
    own = {
        "debian/source/format": "3.0 (native)\n",
        "debian/control": f"{head}\nPackage: {source}\nArchitecture: any\nDescription: tiny\n It is.\n",
        "debian/changelog": f"{source} ({version}) demo; urgency=low\n\n  * It.\n\n"
        " -- Ulla <ulla@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n",
        "debian/rules": "#!/usr/bin/make -f\n",
    }
    for name, text in {**own, **files}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    if upstream:
        (tree / "upstream").write_text("upstream\n")
        orig = f"{source}_{version.partition('-')[0]}.orig.tar.xz"
        run(["tar", "-C", tree.parent, "-cJf", tree.parent / orig, "tree/upstream"])
    run(["dpkg-source", "-Zxz", "-z1", "--build", "tree"], cwd=tree.parent)
    shutil.rmtree(tree)
    return tree.parent / f"{source}_{version}.dsc"


class Waiting:
    """A site in a directory that is there and empty."""

    def __init__(self, path: Path, evidence: settings.Evidence | None = None) -> None:
        self.path = path
        found = Settings({"demo": SUITE}, evidence=evidence or BARE)
        (path / settings.FILE).write_text(samples.sample(found.suites, found))
        self.site.spool.create(SUITE.architectures)
        (path / "archive").mkdir()
        (path / "environments").mkdir()
        (path / "environments/bookworm-amd64").symlink_to(base_of("amd64").path)
        self.site.repository._tree.create()
        self.site.repository.publish(["demo"], utc())

    @property
    def site(self) -> Site:
        """Give the site as a new process sees it."""
        site = Site(self.path)
        site.repository = Repository(site.archive, site.settings.suites, site.keys, signer=Rubber())
        site.people = Everybody(site.keys)
        return site

    @property
    def desk(self) -> Desk:
        """Give the desk as a command does."""
        return Desk(self.site.spool, self.site.people, self.site.settings.suites)

    def publish(self, dsc: Path) -> None:
        """Put a source into the archive; the publication of this second is waited for."""
        files = [path for path in dsc.parent.iterdir() if path.is_file() and not path.name.endswith(".changes")]
        for path in files:
            ref_of(path)
        while not isinstance(done := self.site.repository.include_files("demo", files, utc()), Included):
            assert "TooSoon" in repr(done), done

    def send(self, dsc: Path, version: str, source: str = "pkg") -> Upload:
        """Put a source into review, as intake does."""
        changes = dsc.with_name(f"{dsc.stem}_source.changes")
        content = dsc.read_bytes()
        sums = {kind: hashlib.new(kind, content).hexdigest() for kind in ("md5", "sha256")}
        facts = {"source": source, "version": version, "dsc": dsc.name, "size": len(content), **sums}
        changes.unlink(missing_ok=True)  # of a former time
        changes.write_text(_CHANGES.format(**facts))
        refs = tuple(ref_of(path) for path in sorted(dsc.parent.iterdir()) if path.is_file())
        key = upload_key(source, version, hashlib.sha256(changes.read_bytes() + os.urandom(8)).hexdigest())
        ulla = "Ulla <ulla@example.org>"
        one = Upload(key, source, version, "demo", "demo", "ulla", "F" * 40, ulla, ulla, ulla, utc(), refs)
        queue = self.site.spool.review
        files = {ref.name: dsc.parent / ref.name for ref in refs}
        assert queue.put(EntryName(queue.stamp(utc()), key), one, files, [("taken", {"by": "ulla"})])
        return one

    def entry(self, one: Upload) -> Path:
        """Give the directory of an upload that is in review."""
        found = self.site.spool.review.find(one.key)
        assert found is not None
        return self.site.spool.review.where(*found)

    def look(self) -> None:
        """Let the evidence daemon do all there is to do."""
        daemon = EvidenceDaemon(self.site)
        daemon.recover()
        while daemon.one():
            pass

    def gather(self, one: Upload) -> Evidence:
        """Let the evidence daemon do all there is to do, and give what it gathered for an upload."""
        self.look()
        found = papers.read(self.entry(one))
        assert found is not None, "no evidence was gathered"
        return found

    def say(self, *words: str) -> str:
        """Give what the command `debmill` prints in this process, or says is wrong."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sites, "People", Everybody)
            done = CliRunner().invoke(command, ["--site", str(self.path), *words], env={"COLUMNS": "200"})
        if isinstance(done.exception, Problem):
            return f"debmill: {done.exception}"
        assert done.exit_code == 0, done.output
        return done.output
