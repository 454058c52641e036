"""Steps 1 to 3: the site, its build environments, its daemons."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from etc.demonstration.checks import CheckFailed, check
from tests.support.mill import ALIVE
from tests.support.road import SUITE
from tests.support.tools import run

if TYPE_CHECKING:
    from etc.demonstration.stage import Stage

ARCHITECTURES = ("amd64", "i386")


def make_site(stage: Stage) -> str:
    """Make a site: keys, configuration, queues, an empty signed archive, an uploader, a reviewer.

    check: `debmill config check` finds nothing wrong, and gpgv finds InRelease signed by the site's own key
    """
    stage.reserved = _reserve_port()
    stage.road.make_site(ARCHITECTURES, f"127.0.0.1:{stage.reserved.getsockname()[1]}", opkg="ipk")
    stage.screen.quote(stage.mill("config", "check").output)
    archive = stage.road.site / "archive"
    run(["gpgv", "--keyring", archive / "keys/archive.gpg", archive / "dists" / SUITE / "InRelease"])
    return f"{stage.road.site} is a site, and its archive is signed"


def make_environments(stage: Stage) -> str:
    """Make clean build environments for Debian bookworm on amd64 and i386, or find them in the cache.

    check: `debmill environment list` knows both
    """
    stage.screen.say("debmill environment create (the first time it fetches Debian, which takes a few minutes)")
    stage.screen.quote(stage.road.make_environments().output)
    printed = stage.mill("environment", "list").output
    stage.screen.quote(printed)
    for architecture in ARCHITECTURES:
        check(architecture in printed, f"no environment for {architecture}")
    return "clean environments for " + " and ".join(ARCHITECTURES)


def start_daemons(stage: Stage) -> str:
    """Start all daemons as one supervised process tree.

    check: `debmill status` shows each of them alive
    """
    stage.reserved.close()
    stage.road.start()
    alive = [one for one in stage.mill.daemons().values() if one["state"] != "dead"]
    stage.screen.quote("\n".join(f"{one['name']:<12} {one['state']:<8} {one['detail']}" for one in alive), last=20)
    check({*ALIVE} <= {one["name"] for one in alive}, "not every daemon is alive")
    return f"{len(alive)} daemons run"


def _reserve_port() -> socket.socket:
    """Take the usual port of a site, or one that is free; it is ours until the socket is closed."""
    for port in (2222, 0):
        reserved = socket.socket()
        try:
            reserved.bind(("127.0.0.1", port))
        except OSError:
            reserved.close()
            continue
        return reserved
    raise CheckFailed("no port is free on 127.0.0.1")
