"""`debmill doctor` on a real site: beside a daemon at work, after its death by SIGKILL, and after the repair."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemons import samples, settings
from daemons.settings import Mail, Settings
from daemons.sites import Site
from queues.names import EntryName, part_key
from queues.rooms import Room
from queues.values import Notice
from tests.support import ailing
from tests.support.account import room, unprivileged
from tests.support.entries import upload

pytestmark = pytest.mark.integration
TOP = Path(__file__).parents[2]
BY = {"by": "rita"}


@unprivileged
def test_a_killed_daemon_is_found_and_what_it_had_in_hand_is_put_back() -> None:
    with room() as path, socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(60)
        site = ailing.site_at(path / "site")
        rules = Settings(mail=Mail(smtp=f"127.0.0.1:{mute.getsockname()[1]}"))
        (site.path / settings.FILE).write_text(samples.sample({"demo": ailing.SUITE}, rules))
        name = put_notice(site)
        daemon = subprocess.Popen(debmill(site, "daemon", "notify"), cwd=TOP, stderr=subprocess.DEVNULL)
        connection, _ = mute.accept()  # it has the notice in hand, and waits for a word of the server
        assert doctor(site) == (0, [], [])

        daemon.kill()
        daemon.wait()
        connection.close()
        status, found, _ = doctor(site)
        where = site.spool.notices.where(Room.ACTIVE, name)
        assert (status, found) == (1, [("abandoned", str(where), "repairable")])
        assert doctor(site, "--repair") == (0, [], [f"notices: {name} is settled, for its claimer died"])
        assert site.spool.notices.find(name.key) == (Room.READY, name)
        assert doctor(site, "--repair") == (0, [], [])


def put_notice(site: Site) -> EntryName:
    one = upload("pkg", "1.0")
    notice = Notice("accepted", one.key, one.source, one.version, one.suite, ("ulla@example.org",), BY, ailing.NOW)
    name = EntryName(site.spool.notices.stamp(site.spool.clock()), part_key(one.key, "accepted"))
    assert site.spool.notices.put(name, notice, {})
    return name


def doctor(site: Site, *words: str) -> tuple[int, list[tuple[str, str, str]], list[str]]:
    """Ask the doctor: the exit status, the findings, and what was repaired."""
    ran = subprocess.run(
        debmill(site, "doctor", "--json", *words), cwd=TOP, capture_output=True, text=True, check=False
    )
    said: dict[str, Any] = json.loads(ran.stdout)
    return ran.returncode, [(one["what"], one["where"], one["severity"]) for one in said["findings"]], said["repaired"]


def debmill(site: Site, *words: str) -> list[str]:
    return [sys.executable, "-m", "daemons.command", "--site", str(site.path), *words]
