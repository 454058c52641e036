"""The intake daemon: the SFTP server, or the watch over what sshd's accounts land, and one judgement for both.

What a verdict means stands in `review`; here it is put into the words of the session, the record and the uploader's
/status. At start and every half minute all areas are looked at: what a server that died has left without a verdict is
judged, what waited for too long is refused, and what a doubtful key signed is held.
"""

from __future__ import annotations

import base64
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from daemons.intake import answers, hostkey
from daemons.intake.answers import Answer
from daemons.intake.area import Area, Areas
from daemons.intake.limits import Limits
from daemons.intake.server import Server, serve
from daemons.landing.carrying import Carrier
from daemons.landing.place import Landing
from daemons.landing.posting import Board
from daemons.landing.tending import Tender
from daemons.landing.watch import Watch
from daemons.process.daemon import AGAIN
from daemons.process.presence import Presence
from daemons.process.signals import heard
from daemons.receiving.answered import Answered
from daemons.receiving.commanding import Orderly
from daemons.receiving.digests import Digests
from daemons.receiving.reports import Reports
from daemons.settings import address
from daemons.sites import Site
from queues.journal import Line
from queues.recovery import recover
from review.commands import SUFFIX
from review.desk import Desk
from review.expiry import Patience, expire, forgotten
from review.facts import Facts, InArchive
from review.intake import consider, consider_all
from review.notices import tell_refused
from review.refusal import REPLAY
from review.verdicts import Obeyed, Refused, Stored, Taken, Verdict, Waiting

BEGUN = "the server ended before it could say what became of these commands; look, and sign anew what is missing"
PERIOD = 30.0  # seconds between two looks at all areas
OBEYED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
log = logging.getLogger(__name__)


class Reception:
    """The intake of one site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.clock = site.spool.clock
        self.digests = Digests()
        self.answered = Answered(site.run / "status")
        settings = site.settings.intake
        self.patience = Patience(timedelta(minutes=settings.missing_minutes), timedelta(hours=settings.loose_hours))
        self.facts = Facts(
            spool=site.spool,
            people=site.people,
            suites=site.settings.suites,
            published=InArchive(site.repository),
            max_age=timedelta(days=settings.signature_max_age),
            signer_is_account=settings.signer_is_account,
        )
        self.orderly = Orderly(site, self.facts)
        self.desk = Desk(site.spool, site.people, site.settings.suites)

    def run(self) -> None:
        """Serve until told to stop. Raises OSError when the address cannot be had; SystemExit to be started again."""
        with Presence(self.site.run, "intake") as presence, heard(*OBEYED) as (stop, told):
            server = self._serve() if self.site.settings.intake.server == "own" else self.watch()
            presence.detail = _where(server)
            presence.idle(self.clock())
            for line in (presence.detail, *server.introduction):
                log.info("intake %s", line)
            self.put_in_order()
            with self._looking(server):
                presence.manager.ready()
                server.serve_until(stop, presence.manager.alive, presence.manager.pause)
            if told[0] != signal.SIGHUP:
                presence.manager.stopping(None)
        if told[0] == signal.SIGHUP:
            raise SystemExit(AGAIN)

    def judge(self, uploader: str, area: Path, name: str, sha256: str | None) -> Answer:
        """Say what becomes of a file that was closed, and keep it on record."""
        verdict = self._judged(uploader, area, name, sha256)
        self._tell(uploader, verdict, self.clock(), heard=True)
        return self._recorded(uploader, verdict)

    def judge_unheard(self, uploader: str, area: Path, name: str, sha256: str | None) -> Answer:
        """Do the same for a file whose sender hears no answer: a refusal is told by mail, too."""
        verdict = self._judged(uploader, area, name, sha256)
        self._tell(uploader, verdict, self.clock())
        return self._recorded(uploader, verdict)

    def watch(self) -> Watch:
        """Give what takes the server's place when sshd speaks SFTP."""
        areas = Areas(self.site.uploading, self._limits(), self.site.people.quota)
        reports = Reports(self.site, self.answered)

        def tender(landing: Landing) -> Tender:
            carrier = Carrier(landing, areas.of(landing.uploader), self.judge_unheard)
            tell = partial(self._forgotten, landing.uploader)
            return Tender(carrier, Board(landing, reports), self.patience.loose, tell)

        return Watch(Path(self.site.settings.intake.landing), areas, self.site.people, tender, self.clock)

    def _judged(self, uploader: str, area: Path, name: str, sha256: str | None) -> Verdict:
        now = self.clock()
        self.digests.note(area / name, sha256)
        if name.endswith(SUFFIX):
            self.answered.keep(uploader, name, answers.announce("begun", BEGUN), now)
            return self.orderly.run(area, name, uploader, now)
        return consider(area, name, uploader, self.facts, now, self.digests)

    def put_in_order(self) -> None:
        """Put right what a server that died has left half put and half told."""
        for found in recover(self.site.spool.review, self.clock()):
            log.warning("review: %s is back: %s", found.name, found.what)
        self.answered.sweep()

    def look(self, areas: list[Area]) -> None:
        """Judge what lies in the areas, and refuse what waited for too long; the uploader hears of it by mail."""
        now = self.clock()
        for area in areas:
            try:
                self._look(area, now)
            except Exception:
                log.exception("intake: %s could not be looked at", area.path)
        for upload in self.desk.hold_doubtful(now):
            log.warning("%s is held: its signer's word does not count any more", upload.key)
        self.answered.prune(now)
        self.orderly.prune(now)

    def _look(self, area: Area, now: datetime) -> None:
        """Say what is new in one area; that something waits was said when it came."""
        account = area.path.name
        with area.turn:
            verdicts = consider_all(area.path, account, self.facts, now, self.digests)
            if not area.is_arriving:
                verdicts += expire(area.path, account, self.site.spool, now, self.patience)
        for verdict in verdicts:
            if isinstance(verdict, Waiting) or _was_taken(verdict):
                continue
            self._recorded(account, verdict)
            self._tell(account, verdict, now)

    def _forgotten(self, account: str, files: list[str]) -> None:
        """Tell of files that landed, and were removed since nothing named them."""
        refused = forgotten(files, self.patience.loose)
        self._recorded(account, refused)
        self._tell(account, refused, self.clock())

    def _tell(self, account: str, verdict: Verdict, now: datetime, *, heard: bool = False) -> None:
        """Tell a refusal: by mail, too, unless its sender heard it."""
        if isinstance(verdict, Refused):
            tell_refused(self.site.spool, self.site.people, account, verdict, now, heard=heard)

    @contextmanager
    def _looking(self, server: Server | Watch) -> Iterator[None]:
        """Look at all areas now and then, beside the server, until it stops."""
        stop = threading.Event()

        def look() -> None:
            while True:
                try:
                    self.look(server.areas.all())
                except Exception:
                    log.exception("intake: the areas could not be looked at")
                if stop.wait(PERIOD):
                    return

        thread = threading.Thread(target=look, name="look")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _serve(self) -> Server:
        return serve(
            address(self.site.settings.intake.listen),
            hostkey.load(self.site.host_key),
            self._limits(),
            self._keys,
            self.judge,
            self.site.uploading,
            Reports(self.site, self.answered),
            self.site.people.quota,
        )

    def _limits(self) -> Limits:
        settings = self.site.settings.intake
        return Limits(file_bytes=settings.file_size, free_bytes=settings.free_space)

    def _keys(self, user: str) -> list[tuple[str, bytes]]:
        return [(key.type, base64.b64encode(key.blob)) for key in self.site.people.ssh_keys(user)]

    def _recorded(self, uploader: str, verdict: Verdict) -> Answer:
        """Put a verdict into words, and keep it in the journal and, unless an entry has it, for /status."""
        if isinstance(verdict, Stored):
            return answers.Stored()
        now, answer = self.clock(), _answer(verdict)
        said = answers.spoken(answer)
        facts = {"by": uploader, "note": said.strip()}
        if isinstance(verdict, Refused):
            facts["rule"] = verdict.rule
        log.info("%s from %s: %s", verdict.changes, uploader, answers.one_line(said))
        word = type(verdict).__name__.lower()
        self.site.spool.journal.write(Line(now, word, verdict.changes, origin="intake", facts=facts))
        if isinstance(verdict, Taken):
            self.answered.forget(uploader, verdict.changes)
        else:
            self.answered.keep(uploader, verdict.changes, said, now)
        return answer


def _where(server: Server | Watch) -> str:
    """Say where uploads come in."""
    return f"watches {server.path}" if isinstance(server, Watch) else "listens on {}:{}".format(*server.address)


def _answer(verdict: Refused | Taken | Waiting | Obeyed) -> Answer:
    match verdict:
        case Waiting():
            return answers.Waiting(verdict.note)
        case Taken():
            return answers.Taken(verdict.note)
        case Refused():
            return answers.Refused(verdict.note)
        case Obeyed():
            return answers.Done(verdict.note)


def _was_taken(verdict: Verdict) -> bool:
    """Say whether these are files of an upload that was taken by a server that died before it had removed them."""
    return isinstance(verdict, Refused) and verdict.rule == REPLAY
