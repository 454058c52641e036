"""Who may log in, and what a connection may ask for: a public key, SFTP, and one command that does nothing.

dput runs `chmod 0644 FILES` after an upload when a local file has another mode, and fails if that fails; so exactly
this command is answered, with success, and nothing is done. Any other command (rsync, `scp -O` and dput-ng's scp need
one) ends with a sentence on stderr and status 1, as those of sshd's internal-sftp do: a refused request would leave
the uploader with "exec request failed". Shells, terminals, forwarding and all else stay refused, as paramiko's
ServerInterface refuses them.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import re
import time
from collections.abc import Callable, Sequence

import paramiko
from msgspec import Struct
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_RESOURCE_SHORTAGE,
    OPEN_SUCCEEDED,
)

from daemons.intake import paths
from daemons.intake.answers import Judge, Refusal, Reports, announce, one_line
from daemons.intake.area import Area, Areas
from daemons.intake.limits import Limits
from daemons.intake.session import Session, Visitor
from daemons.intake.subsystem import Subsystem
from daemons.intake.transport import Follow, Transport

logger = logging.getLogger(__name__)

USER = re.compile(r"[a-z0-9][a-z0-9._+-]{0,63}")
NO_COMMANDS = "this server runs no commands, so neither rsync nor scp -O; send files with dput, sftp, scp, lftp or curl"
REFUSAL_SECONDS = 0.05
Offered = tuple[str, bytes]  # a key: its type, and its blob in base64
FindKeys = Callable[[str], Sequence[Offered]]

_NO_MORE = 1000  # failures, more than paramiko's own ten: it then says goodbye and hangs up


class Intake(Struct, frozen=True):
    """What all connections share.

    `find_keys(user)` gives the account's keys as (type, base64 blob), none for an unknown user; it is asked at each
    login, and of open sessions for each file.
    """

    limits: Limits
    find_keys: FindKeys
    judge: Judge
    areas: Areas
    reports: Reports


class Login(Follow):
    """Decides for one connection."""

    def __init__(self, transport: Transport, intake: Intake, address: str) -> None:
        self._transport = transport
        self._intake = intake
        self._address = address
        self._refused = 0
        self._key = ""
        self._accepted: Offered | None = None
        self._used: set[int] = set()
        self._commands: dict[int, bytes] = {}
        self._subsystems: dict[int, Subsystem] = {}

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 -- the same for all
        """Offer nothing but public keys."""
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """Look the key up; paramiko verifies the signature after this. Every refusal takes the same time."""
        asked = time.monotonic()
        offered = (key.get_name(), key.get_base64().encode())
        if self._is_theirs(username, offered):
            self._key = key.fingerprint
            self._accepted = offered
            return AUTH_SUCCESSFUL
        self._refused += 1
        time.sleep(_rest(time.monotonic() - asked))
        logger.info("%s: %.64r: key refused", self._address, username)
        if self._refused >= self._intake.limits.tries and self._transport.auth_handler:
            self._transport.auth_handler.auth_fail_count = _NO_MORE
        return AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 -- paramiko's signature
        """Allow a few sessions."""
        if kind != "session":
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        if len(self._transport.open_channels()) >= self._intake.limits.channels:
            return OPEN_FAILED_RESOURCE_SHORTAGE
        return OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        """Start SFTP, once on a channel."""
        if name != "sftp" or not self._first_use(channel):
            return False
        area = self._intake.areas.of(self.visitor().uploader)
        if not area.seats.acquire(blocking=False):
            logger.warning("%s: no session: too many of this uploader are open", self.visitor())
            return False
        subsystem = Subsystem(channel, self, self._session(area), self._intake.limits.handles)
        self._subsystems[channel.get_id()] = subsystem
        logger.info("%s: session opened", self.visitor())
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        """Note the command, to be answered; none is ever run."""
        if not self._first_use(channel):
            return False
        self._commands[channel.get_id()] = command
        return True

    def came(self, channel: paramiko.Channel) -> None:
        """Answer what came for a channel: the requests of a session, or a command."""
        number = channel.get_id()
        if number in self._commands:
            self._answer_command(channel, self._commands.pop(number))
        elif number in self._subsystems:
            self._subsystems[number].go_on()
            if self._subsystems[number].has_ended:
                del self._subsystems[number]

    def end(self) -> None:
        """End the sessions of a connection that ended."""
        for subsystem in [*self._subsystems.values()]:
            subsystem.end()

    def _answer_command(self, channel: paramiko.Channel, command: bytes) -> None:
        """End a command: the one that does nothing with success, any other with the reason why it was not run."""
        if not does_nothing(command):
            logger.info("%s: refused to run %s", self.visitor(), one_line(repr(command[:200])))
            _say(channel, announce("REFUSED", NO_COMMANDS))
        channel.send_exit_status(0 if does_nothing(command) else 1)
        channel.close()

    def visitor(self) -> Visitor:
        """Say who logged in."""
        return Visitor(self._transport.get_username() or "", self._address, self._key)

    def _is_theirs(self, user: str, offered: Offered) -> bool:
        known = list(self._intake.find_keys(user)) if USER.fullmatch(user) else []
        matches = [_same(offered, one) for one in known]  # all of them, whichever fits
        return any(matches)

    def _is_admitted(self) -> bool:
        """Say whether the key that logged in is still the account's."""
        return self._accepted in self._intake.find_keys(self._transport.get_username() or "")

    def _first_use(self, channel: paramiko.Channel) -> bool:
        first = channel.get_id() not in self._used
        self._used.add(channel.get_id())
        return first

    def _session(self, area: Area) -> Session:
        visitor = self.visitor()
        intake = self._intake
        return Session(self, visitor, area, intake.reports, intake.judge, intake.limits, self._is_admitted)


def _say(channel: paramiko.Channel, text: str) -> None:
    channel.settimeout(0)  # a client that grants no window hears nothing, and holds up nothing
    with contextlib.suppress(OSError):
        channel.send_stderr(text.encode())


def _rest(took: float) -> float:
    """Give the seconds until a refusal may be told, so that its time says nothing of whether the account exists."""
    return REFUSAL_SECONDS - took % REFUSAL_SECONDS


def does_nothing(command: bytes) -> bool:
    """Say whether a command is exactly `chmod 0644` and names of files in the uploader's own area."""
    words = command.decode("ascii", "replace").split(" ")
    return words[:2] == ["chmod", "0644"] and len(words) > 2 and all(map(_in_area, words[2:]))


def _in_area(path: str) -> bool:
    try:
        return paths.resolve(path).kind == "upload"
    except (FileNotFoundError, Refusal):
        return False


def _same(offered: Offered, known: Offered) -> bool:
    return hmac.compare_digest(offered[0].encode(), known[0].encode()) & hmac.compare_digest(offered[1], known[1])
