"""`debmill init`: makes a site."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
from msgspec.structs import replace

from daemons import account, samples, settings, sites
from daemons.command import bases
from daemons.intake import hostkey
from daemons.sites import Site
from queues import atomic
from queues.clock import utc
from queues.problem import Problem
from queues.values import Suite


@click.command()
@click.option("--suite", "suites", multiple=True, metavar="NAME", help="A suite to publish; may be repeated.")
@click.option("--accepts", multiple=True, metavar="NAME", help="A distribution the first suite accepts, too.")
@click.option("--arch", "architectures", multiple=True, metavar="ARCH", help="An architecture; may be repeated.")
@click.option("--base", default="bookworm", show_default=True, help="The Debian suite of build environments.")
@click.option("--listen", default="127.0.0.1:2222", show_default=True, help="Address and port of the SFTP server.")
@click.option(
    "--opkg",
    type=click.Choice(["off", "deb", "ipk"]),
    default="off",
    show_default=True,
    help="Feeds for opkg, too: of the .debs (Yocto's client), or of .ipks made of them (OpenWrt's and Yocto's).",
)
@click.option("--label", default="debmill", show_default=True, help="Origin and Label of the archive, for good.")
def command(
    suites: tuple[str, ...],
    accepts: tuple[str, ...],
    architectures: tuple[str, ...],
    base: str,
    listen: str,
    opkg: Literal["off", "deb", "ipk"],
    label: str,
) -> None:
    """Make a site: configuration, keys, queues, and an empty signed archive.

    Repeating it on a site makes what is missing and changes nothing else. The directory is --site, and is made.
    """
    path = sites.named()
    settings.address(listen)
    _check_free(path)
    account.own(path)
    account.give_up_root()
    account.reach(path)
    made = _suites(suites or ("stable",), accepts, architectures or (bases.native(),), base, label)
    _configure(path, {name: replace(suite, opkg=opkg) for name, suite in made.items()}, listen)
    site = Site(path)
    site.spool.create(site.settings.architectures())
    for directory in (site.environments, site.uploading, site.archive):
        atomic.make(directory)
    atomic.make(site.keys, 0o755)
    if not site.host_key.exists():
        hostkey.make(site.host_key)
    site.repository.init(utc())
    click.echo(f"{path} is a site for {', '.join(site.settings.suites)}; its settings are in {path / settings.FILE}")
    click.echo("Next: 'debmill environment create', 'debmill uploader add', 'debmill reviewer add', 'debmill run'")


def _check_free(path: Path) -> None:
    if path.is_dir() and any(path.iterdir()) and not (path / settings.FILE).exists():
        raise Problem(f"{path} is not empty and holds no {settings.FILE}: choose a new directory for the site")


def _configure(path: Path, suites: dict[str, Suite], listen: str) -> None:
    file = path / settings.FILE
    if file.exists():
        return
    changed = settings.Settings(intake=settings.Intake(listen=listen))
    atomic.replace(file, samples.sample(suites, changed).encode())


def _suites(
    names: tuple[str, ...], accepts: tuple[str, ...], architectures: tuple[str, ...], base: str, label: str
) -> dict[str, Suite]:
    made = {name: Suite(name, (), architectures, base=base, origin=label, label=label) for name in names}
    made[names[0]] = replace(made[names[0]], accepts=accepts)
    return made
