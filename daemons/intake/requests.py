"""What the SFTP requests do: paramiko's server, with a CLOSE that can fail, and words on the client's terminal.

A refusal goes out twice (once as the text of the SFTP status, which few clients show, and before it as extended data
of the channel, which OpenSSH's clients print on stderr). Whatever a request asks for, it is answered.
"""

from __future__ import annotations

import logging
import struct
from typing import ClassVar

import paramiko
from paramiko import sftp

from daemons.intake.answers import Heard, Refusal, Refused, announce, one_line, spoken
from daemons.intake.handles import Arrival
from daemons.intake.internals import ServerInside
from daemons.intake.session import Session
from daemons.intake.talk import LONGEST_REQUEST, Request, Talk
from queues import machine

logger = logging.getLogger(__name__)

VERSION = 3
LONGEST_DATA = LONGEST_REQUEST - 1024
MOST_NOTED = 100  # refusals of one session in the log, which a client could fill otherwise
LIMITS = "limits@openssh.com"  # OpenSSH's PROTOCOL, section 4.8: its clients send larger writes where it is offered
LOOKS = (sftp.CMD_STAT, sftp.CMD_LSTAT, sftp.CMD_OPENDIR, sftp.CMD_REMOVE)
# draft-ietf-secsh-filexfer-02, sections 7 and 6.4: the status "ok"; what comes before and behind the handle of a WRITE.
DONE = b"\0\0\0\x18" + bytes([sftp.CMD_STATUS]) + b"%s\0\0\0\0" + b"\0\0\0\7Success" + b"\0\0\0\0"
_NAMED = struct.Struct(">I")
_WRITE = struct.Struct(">QI")


class BadMessage(Exception):
    """A request that is not well-formed."""


class Requests(ServerInside):
    """Answers the requests of one session. paramiko's class is a thread, too, which is never started."""

    def __init__(
        self, channel: paramiko.Channel, server: paramiko.ServerInterface, session: Session, talk: Talk, handles: int
    ) -> None:
        super().__init__(channel, "sftp", server)
        self.sock = channel
        self.server = self._session = session
        self._talk = talk
        self._handles = handles
        self._noted = 0

    def greet(self) -> None:
        """Answer the first request."""
        message = paramiko.Message()
        message.add_int(VERSION).add_string(LIMITS).add_string("1")
        self._send_packet(sftp.CMD_VERSION, message)

    def takes_long(self, request: Request) -> bool:
        """Say whether it asks for a verdict, for what lies here, or for what became of an upload."""
        if request.kind == sftp.CMD_CLOSE:
            handle = self.file_table.get(request.message.get_binary())
            return isinstance(handle, Arrival) and handle.takes_long()
        return request.kind in LOOKS or (request.kind == sftp.CMD_OPEN and not _writes(request.message))

    def answer(self, request: Request) -> None:
        """Answer a request, also with what went wrong. Raises EOFError when the connection ended under the answer."""
        try:
            self._do(request)
        except Heard as refusal:
            self._send_status(request.number, sftp.SFTP_FAILURE, one_line(str(refusal)))
        except Refusal as refusal:
            self._note(refusal)
            self._refuse(request.number, str(refusal))
        except FileNotFoundError:
            self._send_status(request.number, sftp.SFTP_NO_SUCH_FILE)
        except (BadMessage, UnicodeDecodeError, struct.error):
            self._send_status(request.number, sftp.SFTP_BAD_MESSAGE)
        except EOFError:
            raise
        except Exception as error:
            if self.sock.closed:
                raise EOFError from error
            self._failed(request.kind, request.number, error)

    def forget(self) -> list[str]:
        """Drop the files that are open, and give the session's seat back; the names of files are given."""
        lost = self._unclosed()
        for handle in self.file_table.values():
            handle.close()
        self.file_table.clear()
        self._session.session_ended()
        return lost

    def _note(self, refusal: Refusal) -> None:
        self._noted += 1
        if self._noted <= MOST_NOTED:
            logger.info("%s: refused: %s", self._session.visitor, one_line(str(refusal)))

    def _failed(self, kind: int, number: int, error: Exception) -> None:
        if isinstance(error, OSError) and machine.is_to_blame(error):
            logger.error("%s: request %d: %s", self._session.visitor, kind, machine.complaint(error))
            self._refuse(number, f"the server cannot do it now: {error.strerror}; try again later")
        else:
            logger.error("%s: request %d failed", self._session.visitor, kind, exc_info=error)
            self._refuse(number, "an internal error, which the operator can see in the log")

    def _do(self, request: Request) -> None:
        kind, number = request.kind, request.number
        if kind == sftp.CMD_WRITE:
            self._write(number, request.body)
        elif kind in self._OWN:
            self._OWN[kind](self, number, request.message)
        elif kind not in sftp.CMD_NAMES:
            self._send_status(number, sftp.SFTP_OP_UNSUPPORTED)
        else:
            self._check_handles(kind)
            self._process(kind, number, request.message)

    def _open(self, number: int, message: paramiko.Message) -> None:
        self._check_handles(sftp.CMD_OPEN)
        path, flags = message.get_text(), self._convert_pflags(message.get_int())
        self._check_closed(path)
        self._send_handle_response(number, self._session.open(path, flags, paramiko.SFTPAttributes()))

    def _close(self, number: int, message: paramiko.Message) -> None:
        name = message.get_binary()
        handle = self.file_table.pop(name, None) or self.folder_table.pop(name, None)
        if handle is None:
            raise BadMessage
        with handle:
            answer = handle.finish() if isinstance(handle, Arrival) else None
        if isinstance(answer, Refused):
            self._refuse(number, answer.reason)
            return
        self._talk.say(spoken(answer) if answer else "")
        self._done(number)

    def _write(self, number: int, body: memoryview) -> None:
        (name,) = _NAMED.unpack_from(body)
        offset, length = _WRITE.unpack_from(body, _NAMED.size + name)
        data = body[_NAMED.size + name + _WRITE.size :]
        if len(data) != length:
            raise BadMessage  # paramiko would fill up a short message with zeros
        self._arrival(bytes(body[_NAMED.size : _NAMED.size + name])).file.write(offset, data)
        self._done(number)

    def _make_directory(self, number: int, message: paramiko.Message) -> None:  # noqa: ARG002 -- the shape of all
        raise Refusal(f"{message.get_text()}: there are no directories here; send the files themselves, without -r")

    def _set_attributes(self, number: int, message: paramiko.Message) -> None:
        path, flags = message.get_text(), message.get_int()
        if flags & ~(paramiko.SFTPAttributes.FLAG_PERMISSIONS | paramiko.SFTPAttributes.FLAG_AMTIME):
            raise Refusal(f"{path}: owner and size cannot be changed")
        self._session.check_sent(path)
        self._done(number)  # mode and times have no meaning here

    def _set_open_attributes(self, number: int, message: paramiko.Message) -> None:
        arrival, flags = self._arrival(message.get_binary()), message.get_int()
        if flags & (paramiko.SFTPAttributes.FLAG_UIDGID | paramiko.SFTPAttributes.FLAG_EXTENDED):
            raise Refusal(f"{arrival.file.name}: the owner cannot be changed")
        if flags & paramiko.SFTPAttributes.FLAG_SIZE:
            arrival.file.truncate(message.get_int64())
        self._done(number)

    def _extended(self, number: int, message: paramiko.Message) -> None:
        if message.get_text() != LIMITS:
            self._send_status(number, sftp.SFTP_OP_UNSUPPORTED)
            return
        reply = paramiko.Message()
        reply.add_int(number)
        for limit in (LONGEST_REQUEST, LONGEST_DATA, LONGEST_DATA, self._handles):
            reply.add_int64(limit)
        self._send_packet(sftp.CMD_EXTENDED_REPLY, reply)

    _OWN: ClassVar = {
        sftp.CMD_OPEN: _open,
        sftp.CMD_CLOSE: _close,
        sftp.CMD_MKDIR: _make_directory,
        sftp.CMD_SETSTAT: _set_attributes,
        sftp.CMD_FSETSTAT: _set_open_attributes,
        sftp.CMD_EXTENDED: _extended,
    }

    def _arrival(self, name: bytes) -> Arrival:
        handle = self.file_table.get(name)
        if not isinstance(handle, Arrival):
            raise BadMessage
        return handle

    def _check_handles(self, kind: int) -> None:
        opens = kind in (sftp.CMD_OPEN, sftp.CMD_OPENDIR)
        if opens and len(self.file_table) + len(self.folder_table) >= self._handles:
            raise Refusal(f"{self._handles} files are open already; close one first")

    def _check_closed(self, path: str) -> None:
        """Refuse a .changes while other files are open: dput-ng's secure_sftp closes none and believes them sent."""
        open_still = self._unclosed()
        if path.endswith(".changes") and open_still:
            raise Refusal(f"{path}: close {' '.join(open_still)} first (dput-ng: the method is to be sftp)")

    def _unclosed(self) -> list[str]:
        return [handle.file.name for handle in self.file_table.values() if isinstance(handle, Arrival)]

    def _refuse(self, number: int, reason: str) -> None:
        self._talk.say(announce("REFUSED", reason))
        self._send_status(number, sftp.SFTP_FAILURE, one_line(reason))

    def _done(self, number: int) -> None:
        """Answer that it was done; by far the commonest answer."""
        self._talk.answer(DONE % number.to_bytes(4, "big"))

    def _log(self, level: int, msg: object, *args: object) -> None:
        """Drop paramiko's account of each request, which costs more than the request."""

    def _write_all(self, out: bytes) -> None:
        self._talk.answer(out)


def _writes(message: paramiko.Message) -> bool:
    """Say whether an OPEN is for writing."""
    message.get_binary()
    return bool(message.get_int() & sftp.SFTP_FLAG_WRITE)
