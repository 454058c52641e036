"""Opening the full-screen tool; textual is imported here, when it is wanted."""

from __future__ import annotations

from daemons.command.review import deciding
from daemons.sites import Site, pass_site
from daemons.steering import undoing
from queues.values import Upload


@pass_site
def open_tool(site: Site, reviewer: str | None) -> None:
    """Open the tool for a reviewer; raises NotAllowed for anybody else."""
    name = deciding.name_of(site, reviewer)
    desk = deciding.desk_of(site)

    def undo(wanted: str, reason: str) -> list[Upload]:
        return undoing.undo(site, desk, wanted, name, reason)

    from review.screens.held import Held
    from review.screens.tool import open_tool
    from review.screens.work import Work

    open_tool(Work(desk, name, undo, site.spool.clock, Held(desk), deciding.reasons_of(site)))
