"""Step 9: clean machines install from the finished archive."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

from etc.demonstration.checks import check
from etc.demonstration.preparing import ARCHITECTURES
from tests.support.apt import Client, Visit
from tests.support.tools import run

if TYPE_CHECKING:
    from etc.demonstration.stage import Stage

# How to run what was installed, and a word it must say.
PROGRAMS = {"hello": ("hello", "Hello, world!"), "tree": ("tree --version", "tree v"), "ucf": ("ucf --help", "ucf")}


def install(stage: Stage) -> str:
    """Serve the archive over HTTP and install from it with apt, in clean systems that never saw it.

    check: on amd64 and on i386, `apt-get update` and `apt-get install` with Signed-By succeed, the installed version is
    this archive's, the .deb has the SHA256 of the one in the pool, and the program runs; where there is opkg, it
    installs hello from the feed
    """
    certificate = (stage.road.site / "archive/keys/archive.gpg").read_bytes()
    with stage.road.served() as url:
        for architecture in ARCHITECTURES:
            client = Client(stage.road.base(architecture), url, "demo", certificate)
            if architecture == ARCHITECTURES[0]:
                stage.screen.say("the stanza a user puts into /etc/apt/sources.list.d/debmill.sources:")
                stage.screen.quote(client.stanza)
            _install_on(stage, architecture, client)
        _show_feeds(stage, url)
    return "apt took every package from this archive on " + " and ".join(ARCHITECTURES)


def _show_feeds(stage: Stage, url: str) -> None:
    """Show what opkg's users write down, and let opkg install from the feed where this machine has it."""
    (shown,) = stage.mill.json("archive", "sources", "demo", "--url", url)
    feeds = shown["opkg"][ARCHITECTURES[0]]
    stage.screen.say("the lines a user of opkg puts into /etc/opkg/debmill.conf:")
    stage.screen.quote(feeds)
    opkg = shutil.which("opkg")
    if opkg is None:
        stage.screen.say("opkg is not on this machine: nothing is installed from the feed")
        return
    # The signature is left to a device: its check needs a keyring of the device's own.
    lines = [line for line in feeds.splitlines() if line.startswith(("arch ", "src/gz "))]
    configuration, root = stage.work / "opkg.conf", stage.work / "opkg-root"
    root.mkdir()
    configuration.write_text("\n".join(lines) + "\n")
    for words in (("update",), ("install", "--force-depends", "hello")):
        stage.screen.quote(run([opkg, "-f", configuration, "-o", root, *words]).output, last=4)
    check((root / "usr/bin/hello").is_file(), "opkg installed no /usr/bin/hello")


def _install_on(stage: Stage, architecture: str, client: Client) -> None:
    wanted = _packages(stage, architecture)
    stage.screen.say(f"{architecture}: apt-get update && apt-get install {' '.join(wanted)}")
    programs = {name: PROGRAMS.get(name, (name, name)) for name in wanted if name in PROGRAMS or "mill-" in name}
    then = "".join(f"{command} 2>&1 | sed 's/^/ran {name}: /'\n" for name, (command, _) in programs.items())
    visit = client.install(*wanted, then=then)
    for name, version in wanted.items():
        check(visit.versions.get(name) == version, f"{name} is {visit.versions.get(name)}, not {version}")
        stage.screen.quote("\n".join(visit.marked(f"policy {name}")), last=8)
    _compare_with_pool(stage, visit, wanted)
    for name, (_, word) in programs.items():
        said = "\n".join(visit.marked(f"ran {name}"))
        stage.screen.quote(said.splitlines()[0] if said else "")
        check(word in said, f"{name} does not say '{word}' but:\n{said}")


def _packages(stage: Stage, architecture: str) -> dict[str, str]:
    """Give the packages of the archive that a system of this architecture installs, and their versions.

    Those that are part of every system would be replaced under apt's feet: one binary of each source is enough.
    """
    wanted: dict[str, str] = {}
    for row in stage.mill.json("archive", "list"):
        fitting = [one for one in row["binaries"] if one["architecture"] in (architecture, "all")]
        named = [one for one in fitting if one["package"] == row["source"]] or fitting[:1]
        wanted |= {one["package"]: one["version"] for one in named}
    return wanted


def _compare_with_pool(stage: Stage, visit: Visit, wanted: dict[str, str]) -> None:
    pool = {path.name: path for path in (stage.road.site / "archive/pool").rglob("*.deb")}
    ours = {name: digest for name, digest in visit.hashes.items() if name.replace("%3a", ":") in pool or name in pool}
    check(len(ours) >= len(wanted), f"fetched from here: {sorted(ours)}, wanted: {sorted(wanted)}")
    for name, digest in ours.items():
        held = hashlib.sha256(pool[name].read_bytes()).hexdigest()
        check(held == digest, f"{name}: {digest} was installed, the pool has {held}")
        stage.screen.say(f"{name}: SHA256 {digest[:16]}... as in the pool")
