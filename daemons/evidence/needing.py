"""Which build dependencies of a source cannot be had now, for each architecture: apt is asked as a build asks it.

Apt sees the build dependency fields alone, in an environment of its own, in which nothing of the source is. What it
would install is kept for the build. Where the mirror or the machine fails, nothing is said: a build will find out.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence

from archive import dscfile
from daemons.building.bases import base
from daemons.building.bases.base import BaseFailed
from daemons.building.environment import Broken, DepWait, Kind, Limits
from daemons.building.layers import resolving
from daemons.building.layers.extra import Extra
from daemons.building.layers.installing import Keeping, Layered, Needs
from daemons.building.roots.following import Watch
from daemons.sites import Site
from queues import control
from queues.values import Suite

log = logging.getLogger(__name__)


def missing(
    site: Site, suite: Suite, dsc: bytes, planned: Sequence[str], limits: Limits, watch: Watch
) -> dict[str, str]:
    """Name, by architecture, what cannot be had."""
    try:
        needed = resolving.needed(dsc)
    except (dscfile.NotADsc, control.Malformed):
        return {}
    return dict(_missing(site, suite, needed, planned, limits, watch))


def _missing(
    site: Site, suite: Suite, needed: bytes, planned: Sequence[str], limits: Limits, watch: Watch
) -> Iterator[tuple[str, str]]:
    rules = site.settings.build
    keeping, archives = Keeping(rules.layers_size, rules.indices_minutes * 60), site.local_archives(suite.name)
    for architecture in planned:
        kind: Kind = "indep" if architecture == "all" else "arch"
        try:
            system = base.at(site.environments / f"{suite.base}-{suite.builds_on(architecture)}")
            extra = Extra(suite.sources, suite.preferences)
            fresh = Layered(system, archives, site.spool.clock, keeping, watch, extra=extra)
            answer = fresh.choose(Needs(needed, kind, suite.build_profiles), io.BytesIO(), limits)
        except (Broken, BaseFailed) as error:
            log.warning("what is missing for %s cannot be found out: %s", architecture, error)
            continue
        if isinstance(answer, DepWait):
            yield architecture, answer.missing
