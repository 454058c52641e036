"""`debmill doctor`: whether all is well, and what to do where it is not."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

import click
import msgspec
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from daemons.doctor import examination, repairs
from daemons.sites import Site, pass_site
from queues.checking.digests import Digests
from queues.checking.findings import Finding, Look, Severity
from queues.clock import utc

HEADS = {
    Severity.BROKEN: ("broken: somebody has to look after it", "red"),
    Severity.REPAIRABLE: ("repairable: 'debmill doctor --repair' does it, and nothing can be lost", "yellow"),
    Severity.HARMLESS: ("harmless: only to be known", "green"),
}


class Report(msgspec.Struct, frozen=True):
    """What an examination found and left: `looks` things looked at, `read` bytes hashed, `repaired` what was done."""

    site: str
    looks: int
    read: int
    repaired: list[str]
    findings: list[Finding]


@click.command()
@click.option("--repair", is_flag=True, help="Do what is repairable, and look again.")
@click.option(
    "--quick/--hashes",
    help="Hash no files of uploads and packages, their sizes count; or hash all, over all cores (the default).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: looks, read, repaired, findings.")
@pass_site
def command(site: Site, repair: bool, quick: bool, as_json: bool) -> None:
    """Check the site, its spool, archive, keys and machine against each other; daemons may run meanwhile.

    Each finding is one line: where, what it means, and what to do. What looks wrong is looked at twice, a moment apart,
    so that work in progress is none. --repair only makes what is missing, closes what is open to others, and puts back
    or removes what the dead left, as daemons do when they start: it cannot lose anything.

    \b
    Exit status: 0  all is well, or only harmless things were found
                 1  something is broken, or repairable and not repaired
                 2  wrong usage
    """  # noqa: D301 -- click reads the control character as "do not wrap"
    examined = Examination(site, quick=quick)
    findings, repaired = examined(), []
    if repair and any(one.severity is Severity.REPAIRABLE for one in findings):
        repaired = list(repairs.repair(site, findings))
        findings = examined()
    report = Report(str(site.path), examined.looks, examined.read, repaired, findings)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        for line in lines(report):
            click.echo(line)
    if any(one.severity is not Severity.HARMLESS for one in findings):
        sys.exit(1)


class Examination:
    """Examines a site, again when it is called again, and shows on a terminal how far it is."""

    def __init__(self, site: Site, *, quick: bool) -> None:
        self.site = site
        self.looks = self.read = 0
        self._digests = Digests(self._hashed, quick=quick)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} looks, {task.fields[read]} hashed"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )

    def __call__(self) -> list[Finding]:
        """Give what is found now."""
        with self._progress:
            return examination.findings(self.site, self._digests, utc(), self._counted)

    def _counted(self, looks: Iterator[Look]) -> Iterator[Look]:
        all_looks = list(looks)
        self.looks = len(all_looks)
        self._task = self._progress.add_task("looking", total=self.looks, read=decimal(self.read))
        for look in all_looks:
            yield look
            self._progress.advance(self._task)

    def _hashed(self, count: int) -> None:
        self.read += count
        self._progress.update(self._task, read=decimal(self.read))


def lines(report: Report) -> Iterator[str]:
    """Write a report for a person: what was done, the findings by severity, and a summary."""
    yield from (f"repaired: {_within(report.site, one)}" for one in report.repaired)
    for severity, (head, colour) in HEADS.items():
        found = [one for one in report.findings if one.severity is severity]
        if found:
            yield click.style(head, fg=colour, bold=True)
            yield from (f"  {_within(report.site, one.where)}: {one.means}" for one in found)
    yield _summary(report)


def _summary(report: Report) -> str:
    looked = f"{report.looks} looks, {decimal(report.read)} hashed"
    counts = Counter(one.severity for one in report.findings)
    if not counts:
        return f"{report.site} is well ({looked})"
    told = ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])
    return f"{report.site}: {told} ({looked})"


def _within(site: str, text: str) -> str:
    """Leave the site's own path out."""
    return text.replace(f"{site}/", "")
