"""The SFTP subsystem: paramiko's, with bounded requests, a CLOSE that can fail, and words on the client's terminal.

A refusal goes out twice (once as the text of the SFTP status, which few clients show, and before it as extended data
of the channel, which OpenSSH's clients print on stderr). No request ends the session, except one that is not SFTP.
"""

from __future__ import annotations

import contextlib
import logging
import struct

import paramiko
from paramiko import sftp

from daemons.intake.answers import Heard, Refusal, Refused, announce, one_line, spoken
from daemons.intake.internals import ServerInside
from daemons.intake.session import Arrival, Session
from queues import machine

logger = logging.getLogger(__name__)

VERSION = 3
LONGEST_REQUEST = 256 * 1024
LONGEST_DATA = LONGEST_REQUEST - 1024
MOST_NOTED = 100  # refusals of one session in the log, which a client could fill otherwise
LIMITS = "limits@openssh.com"  # OpenSSH's PROTOCOL, section 4.8: its clients send larger writes where it is offered


class BadMessage(Exception):
    """A request that is not well-formed."""


class Subsystem(ServerInside):
    """Answers the requests of one channel, in a thread of its own."""

    def __init__(
        self, channel: paramiko.Channel, server: paramiko.ServerInterface, session: Session, handles: int
    ) -> None:
        super().__init__(channel, "sftp", server)
        self.server = self._session = session
        self._handles = handles
        self._unread = bytearray()
        self._noted = 0

    def start_subsystem(self, name: str, transport: paramiko.Transport, channel: paramiko.Channel) -> None:  # noqa: ARG002 -- paramiko's signature
        """Answer requests until the client has no more, is gone, or sends what is no request.

        What a client that is gone had asked for before is not done: paramiko's own loop would go through megabytes.
        """
        self.sock = channel
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException, sftp.SFTPError):
            self._send_server_version()
            while not channel.closed:
                kind, data = self._read_packet()
                message = paramiko.Message(data)
                self._process(kind, message.get_int(), message)

    def finish_subsystem(self) -> None:
        """Name what was left unfinished, give the exit status that scp waits for, and forget the rest."""
        lost = self._unclosed()
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):  # the client may be gone
            if lost:
                logger.info("%s: unfinished and dropped: %s", self._session.visitor, " ".join(lost))
                self._say(announce("NOT STORED", f"{' '.join(lost)}: the session ended before the file was closed"))
            self.sock.send_exit_status(1 if lost else 0)
        super().finish_subsystem()

    def _log(self, level: int, msg: object, *args: object) -> None:
        """Drop paramiko's account of each request, which costs more than the request."""

    def _read_packet(self) -> tuple[int, bytes]:
        (size,) = struct.unpack(">I", self._read_all(4))
        if not 0 < size <= LONGEST_REQUEST:
            raise sftp.SFTPError(f"a request of {size} bytes")
        data = self._read_all(size)
        return data[0], data[1:]

    def _read_all(self, n: int) -> bytes:
        while len(self._unread) < n:
            data = self.sock.recv(LONGEST_REQUEST)
            if not data:
                raise EOFError
            self._unread += data
        data = bytes(self._unread[:n])
        del self._unread[:n]
        return data

    def _send_server_version(self) -> int:
        kind, data = self._read_packet()
        if kind != sftp.CMD_INIT or len(data) < 4:
            raise sftp.SFTPError("the first request is not INIT")
        message = paramiko.Message()
        message.add_int(VERSION).add_string(LIMITS).add_string("1")
        self._send_packet(sftp.CMD_VERSION, message)
        return VERSION

    def _process(self, t: int, request_number: int, msg: paramiko.Message) -> None:
        try:
            self._answer(t, request_number, msg)
        except Heard as refusal:
            self._send_status(request_number, sftp.SFTP_FAILURE, one_line(str(refusal)))
        except Refusal as refusal:
            self._note(refusal)
            self._refuse(request_number, str(refusal))
        except FileNotFoundError:
            self._send_status(request_number, sftp.SFTP_NO_SUCH_FILE)
        except (BadMessage, UnicodeDecodeError):
            self._send_status(request_number, sftp.SFTP_BAD_MESSAGE)
        except EOFError:
            raise  # the connection ended under the answer
        except Exception as error:
            if self.sock.closed:
                raise EOFError from error
            self._failed(t, request_number, error)

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

    def _answer(self, kind: int, number: int, message: paramiko.Message) -> None:
        own = {
            sftp.CMD_OPEN: self._open,
            sftp.CMD_CLOSE: self._close,
            sftp.CMD_WRITE: self._write,
            sftp.CMD_SETSTAT: self._set_attributes,
            sftp.CMD_FSETSTAT: self._set_open_attributes,
            sftp.CMD_EXTENDED: self._extended,
        }
        if kind in own:
            own[kind](number, message)
        elif kind == sftp.CMD_MKDIR:
            raise Refusal(f"{message.get_text()}: there are no directories here; send the files themselves, without -r")
        elif kind not in sftp.CMD_NAMES:
            self._send_status(number, sftp.SFTP_OP_UNSUPPORTED)
        else:
            self._check_handles(kind)
            super()._process(kind, number, message)

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
        self._say(spoken(answer) if answer else "")
        self._send_status(number, sftp.SFTP_OK)

    def _write(self, number: int, message: paramiko.Message) -> None:
        arrival = self._arrival(message)
        offset, length = message.get_int64(), message.get_int()
        data = message.get_remainder()
        if len(data) != length:
            raise BadMessage  # paramiko would fill up a short message with zeros
        arrival.file.write(offset, data)
        self._send_status(number, sftp.SFTP_OK)

    def _set_attributes(self, number: int, message: paramiko.Message) -> None:
        path, flags = message.get_text(), message.get_int()
        if flags & ~(paramiko.SFTPAttributes.FLAG_PERMISSIONS | paramiko.SFTPAttributes.FLAG_AMTIME):
            raise Refusal(f"{path}: owner and size cannot be changed")
        self._session.check_sent(path)
        self._send_status(number, sftp.SFTP_OK)  # mode and times have no meaning here

    def _set_open_attributes(self, number: int, message: paramiko.Message) -> None:
        arrival, flags = self._arrival(message), message.get_int()
        if flags & (paramiko.SFTPAttributes.FLAG_UIDGID | paramiko.SFTPAttributes.FLAG_EXTENDED):
            raise Refusal(f"{arrival.file.name}: the owner cannot be changed")
        if flags & paramiko.SFTPAttributes.FLAG_SIZE:
            arrival.file.truncate(message.get_int64())
        self._send_status(number, sftp.SFTP_OK)

    def _extended(self, number: int, message: paramiko.Message) -> None:
        if message.get_text() != LIMITS:
            self._send_status(number, sftp.SFTP_OP_UNSUPPORTED)
            return
        reply = paramiko.Message()
        reply.add_int(number)
        for limit in (LONGEST_REQUEST, LONGEST_DATA, LONGEST_DATA, self._handles):
            reply.add_int64(limit)
        self._send_packet(sftp.CMD_EXTENDED_REPLY, reply)

    def _arrival(self, message: paramiko.Message) -> Arrival:
        handle = self.file_table.get(message.get_binary())
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
        self._say(announce("REFUSED", reason))
        self._send_status(number, sftp.SFTP_FAILURE, one_line(reason))

    def _say(self, text: str) -> None:
        if text:
            self.sock.sendall_stderr(text.encode())
