"""A site's overview again and again: as soon as something arrives, and every other second, because things get older.

The queues are counted when something arrived, and from time to time for what told nothing; in between only their ages
are. A burst of arrivals is one look, and looking takes at most a quarter of the time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from daemons.telling.overview import Overview, later, look, queues_of
from queues.layout import Spool
from queues.rooms import Room
from queues.watching import Wakeup

TICK = 2.0  # seconds until ages are shown anew
SHORTEST = 0.25  # seconds between two looks, whatever arrives
SHARE = 3  # times as long as the last look took, there is none
PERIOD = 30.0  # seconds after which everything is counted, whatever was heard


def overviews(spool: Spool) -> Iterator[Overview]:
    """Give the overview of this moment, for ever; what the taker does with each counts as part of the look."""
    wakeup, seen, counted = Wakeup(), None, 0.0
    with wakeup.watching(_directories(spool)):
        while True:
            begun = time.monotonic()
            if seen is None or begun - counted > PERIOD:
                seen, counted = look(spool, spool.clock()), begun
            yield later(seen, spool.site / "run", spool.clock())
            time.sleep(max(SHORTEST, SHARE * (time.monotonic() - begun)))
            if wakeup.wait(TICK):
                seen = None


def _directories(spool: Spool) -> list[Path]:
    rooms = [queue.room(room) for queue in queues_of(spool) for room in queue.rooms if room is not Room.TMP]
    return [*rooms, spool.site / "run"]
