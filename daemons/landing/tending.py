"""Tending one uploader's landing place: carry what is whole, drop what is old, post what there is to tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from daemons.landing.carrying import Alive, Carrier
from daemons.landing.posting import Board


class Tender:
    """Looks after the place of one uploader; what was dropped after so much `patience` is told to `forgotten`."""

    def __init__(
        self, carrier: Carrier, board: Board, patience: timedelta, forgotten: Callable[[list[str]], None]
    ) -> None:
        self._carrier = carrier
        self._board = board
        self._patience = patience
        self._forgotten = forgotten

    def tend(self, now: datetime, alive: Alive = lambda: None) -> bool:
        """Do all of it; says whether something still lies there. Raises OSError when place or machine are not well."""
        carried = self._carrier.carry(now, alive)
        dropped = self._carrier.drop_old(now, self._patience)
        if dropped:
            self._forgotten(dropped)
        return self._board.post(now, self._carrier.troubles, news=carried > 0 or bool(dropped))
