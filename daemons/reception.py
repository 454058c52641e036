"""The intake daemon: the SFTP server, and one judgement for every file that is closed there.

What a verdict means stands in `review.intake`; here it is put into the words of the session, the record and the
uploader's /status. An upload whose last file lies here without a verdict, because a server died between the two, is
judged at start.
"""

from __future__ import annotations

import base64
import logging
import signal
from datetime import timedelta
from pathlib import Path

from daemons.daemon import AGAIN
from daemons.intake import answers, hostkey
from daemons.intake.answers import Answer
from daemons.intake.limits import Limits
from daemons.intake.server import Server, serve
from daemons.presence import Presence
from daemons.settings import address
from daemons.signals import heard
from daemons.sites import Site
from queues import atomic
from queues.journal import Line
from queues.recovery import recover
from review.facts import Facts, InArchive
from review.intake import consider, consider_all
from review.verdicts import Refused, Stored, Taken, Waiting

OBEYED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
log = logging.getLogger(__name__)


class Reception:
    """The intake of one site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.clock = site.spool.clock
        self.reports = site.run / "status"
        settings = site.settings.intake
        self.facts = Facts(
            spool=site.spool,
            people=site.people,
            suites=site.settings.suites,
            published=InArchive(site.repository),
            max_age=timedelta(days=settings.signature_max_age),
            signer_is_account=settings.signer_is_account,
        )

    def run(self) -> None:
        """Serve until told to stop. Raises OSError when the address cannot be had; SystemExit to be started again."""
        with Presence(self.site.run, "intake") as presence, heard(*OBEYED) as (stop, told):
            server = self._serve()
            presence.detail = "listens on {}:{}".format(*server.address)
            presence.idle(self.clock())
            log.info("intake %s", presence.detail)
            self.catch_up()
            presence.manager.ready()
            server.serve_until(stop, presence.manager.alive, presence.manager.pause)
            if told[0] != signal.SIGHUP:
                presence.manager.stopping(None)
        if told[0] == signal.SIGHUP:
            raise SystemExit(AGAIN)

    def judge(self, uploader: str, area: Path, name: str) -> Answer:
        """Say what becomes of a file that was closed, and keep it on record."""
        now = self.clock()
        verdict = consider(area, name, uploader, self.facts, now)
        if not isinstance(verdict, Stored):
            answer = _answer(verdict)
            self._record(uploader, answer, verdict)
            return answer
        return answers.Stored()

    def catch_up(self) -> None:
        """Judge what lies in the areas without a verdict, when what else a dead server left is put in order."""
        for found in recover(self.site.spool.review, self.clock()):
            log.warning("review: %s is back: %s", found.name, found.what)
        for report in self.reports.glob("*/.*.new"):
            atomic.remove(report)
        for area in sorted(path for path in self.site.uploading.iterdir() if path.is_dir()):
            for verdict in consider_all(area, area.name, self.facts, self.clock()):
                if not isinstance(verdict, Stored):
                    self._record(area.name, _answer(verdict), verdict)

    def _serve(self) -> Server:
        settings = self.site.settings.intake
        limits = Limits(file_bytes=settings.file_size, free_bytes=settings.free_space)
        return serve(
            address(settings.listen),
            hostkey.load(self.site.host_key),
            limits,
            self._keys,
            self.judge,
            self.site.uploading,
            self.reports.joinpath,
        )

    def _keys(self, user: str) -> list[tuple[str, bytes]]:
        return [(key.type, base64.b64encode(key.blob)) for key in self.site.people.ssh_keys(user)]

    def _record(self, uploader: str, answer: Answer, verdict: Refused | Taken | Waiting) -> None:
        now, said = self.clock(), answers.spoken(answer)
        rule = {"rule": verdict.rule} if isinstance(verdict, Refused) else {}
        word = type(verdict).__name__.lower()
        log.info("%s from %s: %s", verdict.changes, uploader, answers.one_line(said))
        facts = {"by": uploader, "note": said.strip(), **rule}
        self.site.spool.journal.write(Line(now, word, verdict.changes, origin="intake", facts=facts))
        report = self.reports / uploader / f"{verdict.changes.removesuffix('.changes')}.txt"
        atomic.make(report.parent)
        atomic.replace(report, f"{now:%Y-%m-%d %H:%M:%S} UTC\n{said}".encode())


def _answer(verdict: Refused | Taken | Waiting) -> Answer:
    match verdict:
        case Waiting():
            return answers.Waiting(verdict.note)
        case Taken():
            return answers.Taken(verdict.note)
        case Refused():
            return answers.Refused(verdict.note)
