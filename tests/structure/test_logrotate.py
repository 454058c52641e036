"""The sample for logrotate(8): the logs that grow are put away, and written anew by who did not hear of it."""

from __future__ import annotations

import getpass
import grp
import os
from pathlib import Path

from daemons.notifying.eventlog import EventLog
from queues.clock import utc
from queues.journal import Journal, Line
from tests.support.tools import run

SAMPLE = Path(__file__).parents[2] / "etc/logrotate.d/debmill"


def test_the_logs_are_put_away_and_written_anew(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir(mode=0o755)
    text = SAMPLE.read_text().replace("/var/lib/debmill/logs", str(logs))
    group = grp.getgrgid(os.getgid()).gr_name
    rules = tmp_path / "rules"
    rules.write_text(text.replace("su debmill debmill", f"su {getpass.getuser()} {group}"))
    rules.chmod(0o644)
    journal, events = Journal(logs / "journal.jsonl"), EventLog(logs)
    for word in ("before", "after"):
        journal.write(Line(utc(), word, "pkg_1.0"))
        events.path.write_text("{}\n")
        if word == "before":
            run(["logrotate", "--force", "--state", tmp_path / "state", rules])

    names = sorted(path.name.partition(".")[0] for path in logs.iterdir())
    assert names == ["events", "events", "journal", "journal"]
    assert '"after"' in (logs / "journal.jsonl").read_text()
    assert '"before"' not in (logs / "journal.jsonl").read_text()
