"""The SFTP subsystem of one channel: from its first request to its exit status, in whichever thread something came.

No request ends the session, except one that is not SFTP.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from functools import partial

import paramiko
from paramiko import sftp

from daemons.intake.answers import announce
from daemons.intake.requests import Requests
from daemons.intake.session import Session
from daemons.intake.talk import Request, Talk
from daemons.intake.turn import Turn

logger = logging.getLogger(__name__)

GONE = (EOFError, OSError, paramiko.SSHException, sftp.SFTPError)  # the client, or the sense of what it sends


class Subsystem:
    """Answers in the thread that brings news; a request that may take long goes on in a thread of its own."""

    def __init__(
        self, channel: paramiko.Channel, server: paramiko.ServerInterface, session: Session, handles: int
    ) -> None:
        self.has_ended = False
        self._channel = channel
        self._session = session
        self._talk = Talk(channel)
        self._requests = Requests(channel, server, session, self._talk, handles)
        self._greeted = False
        self._turn = Turn(self._answer_all)

    def go_on(self) -> None:
        """Answer what came, as far as it can be answered now."""
        self._turn.news()

    def end(self) -> None:
        """Forget the session of a connection that ended, once the request in hand is answered."""
        self._turn.last(self._finish)

    def _answer_all(self) -> Callable[[], None] | None:
        """Answer requests until there is none, or one that may take long; the answering of that is given."""
        try:
            while not self.has_ended and (request := self._talk.request()):
                if self._requests.takes_long(request):
                    return partial(self._answer_long, request)
                self._answer(request)
        except GONE:
            self._finish()
        return None

    def _answer_long(self, request: Request) -> None:
        try:
            self._answer(request)
        except GONE:
            self._finish()

    def _answer(self, request: Request) -> None:
        if self._greeted:
            self._requests.answer(request)
            return
        if request.kind != sftp.CMD_INIT:
            raise sftp.SFTPError("the first request is not INIT")
        self._requests.greet()
        self._greeted = True

    def _finish(self) -> None:
        """Drop what was left unfinished, say so, and give the exit status that scp waits for."""
        if self.has_ended:
            return
        self.has_ended = True
        lost = self._requests.forget()
        if lost:
            logger.info("%s: unfinished and dropped: %s", self._session.visitor, " ".join(lost))
        with contextlib.suppress(*GONE):
            if not self._channel.closed:
                self._say_goodbye(lost)
            self._channel.close()

    def _say_goodbye(self, lost: list[str]) -> None:
        if lost:
            reason = f"{' '.join(lost)}: the session ended before the file was closed"
            self._talk.say(announce("NOT STORED", reason))
        self._channel.send_exit_status(1 if lost else 0)
