"""Dependencies of what is new, checked by the real dose-debcheck over a published suite and Debian's lists."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from archive import stanzas
from archive.inclusion import Built, Included
from archive.installable import Found
from archive.repository import Repository
from daemons import samples, settings
from daemons.deciding import installing
from daemons.sites import Site
from queues.values import Suite
from tests.unit.archive import packages
from tests.unit.archive.packages import MOMENT

pytestmark = pytest.mark.integration
SUITE = Suite("demo", installable="hold")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A suite that has `tiny` and `tiny-data`, each 1.0."""
    (tmp_path / settings.FILE).write_text(samples.sample({"demo": SUITE}))
    site = Site(tmp_path)
    repository = Repository(site.archive, site.settings.suites, site.keys, signer=packages.Rubber())
    site.__dict__["repository"] = repository
    repository._tree.create()
    repository.publish(["demo"], MOMENT)
    folder = tmp_path / "made"
    folder.mkdir()
    debs = [packages.deb(folder, name, "1.0", source="tiny (1.0)") for name in ("tiny", "tiny-data")]
    done = repository.include_files("demo", debs, MOMENT + timedelta(minutes=1))
    assert isinstance(done, Included), done
    return site


def arriving(*depends: tuple[str, str, str]) -> list[Built]:
    built = []
    for package, version, needs in depends:
        fields = {"Package": package, "Version": version, "Architecture": "amd64", "Depends": needs}
        built.append(Built("demo", "main", stanzas.binary(fields, f"pool/{package}.deb", 1, "0" * 64)))
    return built


def test_what_debian_and_the_suite_have_can_be_installed(site: Site) -> None:
    brought = arriving(("user", "1.0", "libc6 (>= 2.1), tiny-data (= 1.0)"), ("more", "1.0", "user, perl:any"))
    assert installing.check(site, SUITE, brought) == Found()


def test_what_is_missing_or_being_replaced_is_named(site: Site) -> None:
    brought = arriving(("tiny", "2.0", "tiny-data (= 1.0), nothere (>= 2)"), ("tiny-data", "2.0", "libc6"))
    (broken,) = installing.check(site, SUITE, brought).broken
    assert broken.startswith("tiny 2.0 needs what nothing has: ")


def test_without_the_tool_or_the_lists_it_is_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    brought = arriving(("user", "1.0", "libc6"))
    elsewhere = installing.check(site, Suite("demo", base="nowhere"), brought)
    assert elsewhere == Found(unchecked="apt on this machine has no package lists of nowhere for amd64")
    monkeypatch.setattr(installing, "TOOL", "dose-nothing")
    assert "dose-distcheck" in installing.check(site, SUITE, brought).unchecked
