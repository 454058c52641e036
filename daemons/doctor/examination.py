"""One examination of a site: every look there is, and what they found, the worst first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain

from archive.checking import tree
from daemons.doctor import keys, machine, places, road
from daemons.sites import Site
from queues.checking import rooms
from queues.checking.digests import Digests
from queues.checking.findings import Finding, Look, Severity, examine

MOMENT = 1.0  # seconds between the two looks at what seems wrong
_ORDER = list(Severity)


def looks(site: Site, digests: Digests, now: datetime) -> Iterator[Look]:
    """Give every look at a site."""
    return chain(
        places.looks(site),
        machine.looks(site, now),
        keys.looks(site, now),
        rooms.looks(site.spool, site.settings.architectures(), digests),
        road.looks(site.spool),
        tree.looks(site.archive, site.settings.suites, keys.published(site), digests, now),
    )


def findings(
    site: Site,
    digests: Digests,
    now: datetime,
    seen: Callable[[Iterator[Look]], Iterator[Look]] = lambda looks: looks,
    pause: Callable[[], object] = lambda: time.sleep(MOMENT),
) -> list[Finding]:
    """Examine a site; `seen` passes every look on, and may count them."""
    found = examine(seen(looks(site, digests, now)), pause)
    return sorted(found, key=lambda one: (_ORDER.index(one.severity), one.where, one.means))
