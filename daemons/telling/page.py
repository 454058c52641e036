"""The page at the root of the archive, which says what is there and how to use it; plain HTML, whatever the browser.

It is written when a publication made another one of it, and only then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct

from archive.catalogue import aliases_of, dists_of
from archive.snapshot import SnapshotId, date
from daemons.sites import Site
from daemons.telling import subscribing
from daemons.telling.subscribing import Subscription
from queues import atomic
from queues.values import Suite

NAME = "index.html"
LAST = 10  # publications
ADDRESS = "https://ADDRESS"  # where the settings name none
_ENVIRONMENT = Environment(
    loader=PackageLoader("daemons"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


class Section(Struct, frozen=True):
    """What the page says of a suite; `others` are more names of its directories in `dists`."""

    suite: Suite
    published: datetime | None
    dists: tuple[str, ...]
    others: dict[str, str]
    subscription: Subscription


class Line(Struct, frozen=True):
    """One of the last publications; `restored` is the snapshot that a rollback went back to, else empty."""

    id: SnapshotId
    at: datetime
    suites: tuple[str, ...]
    restored: str


def render(url: str, sections: Iterable[Section], last: Iterable[Line]) -> str:
    """Write the page; an empty `url` is not known. Pure."""
    found = [*sections]
    title = " and ".join(dict.fromkeys(section.suite.label for section in found)) or "debmill"
    facts = {"title": title, "url": url, "address": ADDRESS, "sections": found, "last": [*last]}
    return _ENVIRONMENT.get_template("index.html").render(facts)


def write(site: Site) -> bool:
    """Write the page of a site's archive where it says something else than before; one writer at a time."""
    url = site.settings.archive.url.rstrip("/")
    certificate, key = (site.archive / "keys/archive.asc").read_text(), site.repository.feed_key()
    sections = [
        _section(site, suite, subscribing.subscription(suite, url or ADDRESS, certificate, key))
        for suite in site.settings.suites.values()
    ]
    text = render(url, sections, _last(site)).encode()
    path = site.archive / NAME
    atomic.remove(atomic.aside(path))
    if path.exists() and path.read_bytes() == text:
        return False
    atomic.replace(path, text)
    return True


def _section(site: Site, suite: Suite, subscription: Subscription) -> Section:
    current = site.repository.current(suite.name)
    return Section(suite, date(current) if current else None, dists_of(suite), aliases_of(suite), subscription)


def _last(site: Site) -> Iterable[Line]:
    for snapshot, dists in site.keeper.publications(LAST):
        suites = tuple(name for name in site.settings.suites if name in dists)
        back = site.repository.records.rollback(snapshot)
        yield Line(snapshot, date(snapshot), suites, back.restored if back else "")
