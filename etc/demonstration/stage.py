"""The demo's frame: what the steps share, the order they run in, and what is left behind.

A step is a function of the stage. What it finds wrong it raises as `CheckFailed`; the demo ends there, for the later
steps stand on the earlier ones.
"""

from __future__ import annotations

import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from etc.demonstration import sites
from etc.demonstration.checks import CheckFailed
from etc.demonstration.options import FAILED, parse
from etc.demonstration.screen import Screen
from etc.demonstration.steps import STEPS
from tests.support.mill import WaitedTooLong, installed
from tests.support.road import REVIEWER, UPLOADER, Road
from tests.support.sources import SourceUpload
from tests.support.tools import ToolFailed


class Stage:
    """What the steps share."""

    def __init__(self, site: Path, screen: Screen) -> None:
        self.screen = screen
        self.work = Path(tempfile.mkdtemp(prefix="debmill-demo-"))
        self.road = Road(site)
        self.mill = self.road.mill
        self.uploads: dict[str, SourceUpload] = {}  # by source: what is to be published
        self.sources: dict[str, Path] = {}  # by source: Debian's .dsc
        self.reserved = socket.socket()  # keeps the server's port until the daemons start
        self.published: list[str] = []  # source_version, in the order of publication
        self.unwanted: SourceUpload | None = None

    def close(self) -> None:
        """Stop the daemons and forget the keys."""
        self.road.close()
        self.reserved.close()
        shutil.rmtree(self.work, ignore_errors=True)


def perform(words: Sequence[str]) -> int:
    """Run all steps and give the exit status."""
    options = parse(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # what was started is stopped on the way out
    screen = Screen(plain=options.plain)
    try:
        site = sites.clear(options.site, screen)
    except sites.NotOurs as problem:
        screen.failed(str(problem))
        return 1
    stage = Stage(site, screen)
    try:
        status = _steps(stage)
        if status == 0 and options.keep:
            _let_it_run(stage, options.site)
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    finally:
        stage.close()
    return status


def _steps(stage: Stage) -> int:
    for number, step in enumerate(STEPS, 1):
        stage.screen.heading(number, (step.__doc__ or "").splitlines()[0])
        try:
            stage.screen.held(step(stage))
        except (CheckFailed, ToolFailed, WaitedTooLong) as problem:
            stage.screen.failed(str(problem))
            _show_log(stage)
            return FAILED + number
    return 0


def _show_log(stage: Stage) -> None:
    if stage.road.log.exists():
        stage.screen.say(f"the last of {stage.road.log}:")
        stage.screen.quote(stage.road.log.read_text(errors="replace"), last=20)


def _let_it_run(stage: Stage, site: Path) -> None:
    """Leave the site running, and say what can be done with it."""
    stage.mill.leave_running()
    debmill = f"{installed()} --site {site}"
    stage.screen.say("\nThe site goes on running. Look around:")
    for command in ("status", "why hello", "log hello", "review list", "archive list"):
        stage.screen.say(f"  {debmill} {command}")
    stage.screen.say("Upload something, then accept it:")
    stage.screen.say(f"  dput -c {stage.road.uploader.dput_config} mill FILE_source.changes")
    stage.screen.say(f"  sftp -F {stage.road.uploader.ssh_config} mill:/incoming")
    stage.screen.say(f"  {debmill} review accept SOURCE --as {REVIEWER}")
    stage.screen.say(f"The OpenPGP key to sign with: {stage.road.folder / UPLOADER / 'openpgp-secret.asc'}")
    stage.screen.say("Serve its archive:")
    stage.screen.say(f"  python3 -m http.server --bind 127.0.0.1 --directory {site / 'archive'} 8000")
    stage.screen.say("Stop it:")
    stage.screen.say(f"  {debmill} drain --now")
