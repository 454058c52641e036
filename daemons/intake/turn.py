"""Whose turn it is to work on what came: one thread's at a time, and no thread waits for another.

Who brings news while somebody works leaves it to them: they look again before they go. So the thread that reads a
connection works on what it read, and hands on only what may take long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

Work = Callable[[], object]


class Turn:
    """Runs `work` in the thread that brings news; what `work` gives may take long, and runs in a thread of its own."""

    def __init__(self, work: Callable[[], Work | None]) -> None:
        self._work = work
        self._taken = threading.Lock()
        self._news = False

    def news(self) -> None:
        """Work on what came, or leave it to the thread whose turn it is."""
        self._news = True
        while self._news and self._taken.acquire(blocking=False):
            self._news = False
            if self._is_handed_on():
                return
            self._taken.release()

    def last(self, work: Work) -> None:
        """Wait for the turn, and do this in it."""
        with self._taken:
            work()

    def _is_handed_on(self) -> bool:
        try:
            long = self._work()
            if long is None:
                return False
            threading.Thread(target=self._work_long, args=(long,), daemon=True).start()
        except BaseException:
            self._taken.release()
            raise
        return True

    def _work_long(self, long: Work) -> None:
        try:
            long()
        finally:
            self._taken.release()
        self.news()
