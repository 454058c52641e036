"""A report in words: the same sections, columns and rows for the terminal and for the mail. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from daemons.reporting.lacking import Lacking
from daemons.reporting.report import Report
from daemons.reporting.waiting import Waiting
from daemons.telling.overview import age


class Section(NamedTuple):
    """One kind of thing to tell; a row has a cell for each column."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def sections(report: Report) -> list[Section]:
    """Give what there is to tell, most urgent first; no section is empty."""
    found = [
        Section(
            "build dependencies that wait for each other: only a person can break the cycle",
            ("suite", "cycle"),
            [(one.suite, str(one)) for one in report.cycles],
        ),
        Section(
            f"published sources without current binaries for more than {report.days} days",
            ("suite", "source", "arch", "has", "since", "reason"),
            [_lacking(one, report.at) for one in report.lacking],
        ),
        Section(
            f"waiting for more than {report.days} days",
            ("for", "suite", "upload", "arch", "since", "reason"),
            [_waiting(one, report.at) for one in report.waiting],
        ),
    ]
    return [section for section in found if section.rows]


def lines(report: Report) -> str:
    """Write the report for a mail: one item a paragraph, its reason below."""
    text = [
        f"{section.title[0].upper()}{section.title[1:]}:\n\n" + "\n".join(map(_item, section.rows))
        for section in sections(report)
    ]
    return "\n\n".join(text)


def _item(row: Sequence[str]) -> str:
    *head, reason = row
    return f"  {'  '.join(filter(None, head))}\n      {reason}"


def _lacking(one: Lacking, now: datetime) -> tuple[str, ...]:
    reason = f"{one.reason}; coming: {one.coming}" if one.coming else one.reason
    return one.suite, f"{one.source}_{one.version}", one.architecture, one.older or "-", _age(one.since, now), reason


def _waiting(one: Waiting, now: datetime) -> tuple[str, ...]:
    return one.what, one.suite, one.id, one.architecture, _age(one.since, now), one.reason


def _age(since: datetime, now: datetime) -> str:
    return age((now - since).total_seconds())
