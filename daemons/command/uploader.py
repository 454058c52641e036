"""`debmill uploader`: who may upload, with which keys, and what their machines need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import BinaryIO

import click
import msgspec
from rich.table import Table

from archive.openpgp import BadSignature
from daemons.command.sizes import size
from daemons.command.tables import console
from daemons.intake import hostkey
from daemons.process import presence
from daemons.settings import address
from daemons.sites import Site, pass_site
from daemons.telling import clients
from queues.clock import utc
from queues.problem import Problem
from queues.values import Upload
from review.desk import Desk
from review.person import Uploader
from review.sshkeys import BadKey


@click.group()
def command() -> None:
    """Say who may upload."""


SSH_KEY = "SSH public key(s), as in ~/.ssh/id_ed25519.pub."
OPENPGP_KEY = "OpenPGP public key(s): gpg --armor --export."
mail_option = click.option("--mail", metavar="ADDRESS", help="Where notices go; default: the OpenPGP key's address.")
packages_option = click.option(
    "--packages", multiple=True, metavar="GLOB", help="Source packages; may be repeated; default: all."
)
suites_option = click.option(
    "--suite", "suites", multiple=True, metavar="GLOB", help="Suites; may be repeated; default: all."
)
quota_option = click.option(
    "--quota", type=size, metavar="SIZE", help="Bytes of unfinished uploads, as 500M or 2G; 0: as all; default: 0."
)
digest_option = click.option(
    "--digest/--no-digest", default=None, help="One mail a day instead of one for each event; default: one for each."
)


@command.command()
@click.argument("name")
@click.option("--ssh-key", type=click.File("rb"), required=True, help=SSH_KEY)
@click.option("--openpgp-key", type=click.File("rb"), required=True, help=OPENPGP_KEY)
@mail_option
@packages_option
@suites_option
@quota_option
@digest_option
@pass_site
def add(
    site: Site,
    name: str,
    ssh_key: BinaryIO,
    openpgp_key: BinaryIO,
    mail: str | None,
    packages: tuple[str, ...],
    suites: tuple[str, ...],
    quota: int | None,
    digest: bool | None,
) -> None:
    """Register the uploader NAME; NAME is the account for SFTP.

    A file may hold several keys, one for each of the person's machines. Who sent an upload and who signed it may be two
    people: what may be uploaded, and to which suites, is asked of the signer.

    \b
    debmill uploader add ulla --ssh-key ulla.pub --openpgp-key ulla.asc --packages 'lib*' --suite demo
    """  # noqa: D301 -- click reads the control character as "do not wrap"
    _check_suites(site, suites)
    keys = ssh_key.read(), openpgp_key.read()
    rights = packages or ("*",), suites or ("*",)
    with _named(ssh_key, openpgp_key):
        made = site.people.add_uploader(name, *keys, utc(), mail or "", *rights, quota or 0, digest or False)
    _say(made)
    click.echo(f"What {name}'s machine needs: debmill uploader client {name}")


@command.command()
@click.argument("name")
@click.option("--ssh-key", type=click.File("rb"), help=f"{SSH_KEY} They take the place of all former ones.")
@click.option("--openpgp-key", type=click.File("rb"), help=f"{OPENPGP_KEY} They take the place of all former ones.")
@mail_option
@packages_option
@suites_option
@quota_option
@digest_option
@pass_site
def update(
    site: Site,
    name: str,
    ssh_key: BinaryIO | None,
    openpgp_key: BinaryIO | None,
    mail: str | None,
    packages: tuple[str, ...],
    suites: tuple[str, ...],
    quota: int | None,
    digest: bool | None,
) -> None:
    """Change what is given of the uploader NAME; the rest stays.

    A newer copy of a key may say that it is revoked, or ends later. What NAME signed and nobody accepted yet is held
    when it would not be taken any more.
    """
    _check_suites(site, suites)
    keys = ssh_key.read() if ssh_key else None, openpgp_key.read() if openpgp_key else None
    with _named(ssh_key, openpgp_key):
        made = site.people.update_uploader(name, utc(), *keys, mail, packages or None, suites or None, quota, digest)
    _say(made)
    click.echo(f"{len(_hold_doubtful(site))} uploads are held")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: name, mail, packages, suites, quota, digest, ...")
@pass_site
def list_uploaders(site: Site, as_json: bool) -> None:
    """List the uploaders and their keys."""
    uploaders = site.people.uploaders()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([_fields(one) for one in uploaders])).decode())
        return
    table = Table("uploader", "mail", "packages", "suites", "OpenPGP", "SSH")
    for one in uploaders:
        keys = "\n".join(one.fingerprints).upper(), "\n".join(key.type for key in one.ssh_keys)
        table.add_row(one.name, one.mail, " ".join(one.packages), " ".join(one.suites), *keys)
    console().print(table if uploaders else "nobody may upload yet: 'debmill uploader add'")


@command.command()
@click.argument("name")
@pass_site
def remove(site: Site, name: str) -> None:
    """Forget the uploader NAME; what NAME signed and nobody accepted yet is held."""
    site.people.remove_uploader(name)
    click.echo(f"{name} is no longer an uploader; {len(_hold_doubtful(site))} uploads are held")


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: files by path, commands by client.")
@pass_site
def client(site: Site, name: str, as_json: bool) -> None:
    """Print what NAME's machine needs: files for ssh, dput, dput-ng and dupload, and a command for each client."""
    site.people.uploader(name)
    server = _server(site)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(clients.setup(server, name))).decode())
        return
    click.echo(clients.printed(server, name))


@contextmanager
def _named(ssh_key: BinaryIO | None, openpgp_key: BinaryIO | None) -> Iterator[None]:
    """Say of which file it is true when a key is refused."""
    try:
        yield
    except (BadKey, BadSignature) as error:
        file = ssh_key if isinstance(error, BadKey) else openpgp_key
        raise Problem(f"{file.name}: {error}" if file else str(error)) from None


def _check_suites(site: Site, patterns: tuple[str, ...]) -> None:
    """Refuse what no suite is called: nothing could ever be uploaded to it."""
    here = sorted(site.settings.suites)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in here):
            raise click.BadParameter(
                f"no suite of this site is called '{pattern}': {', '.join(here)}", param_hint="'--suite'"
            )


def _say(one: Uploader) -> None:
    click.echo(f"{one.name} <{one.mail}> may upload {', '.join(one.packages)} to {', '.join(one.suites)}")
    click.echo(f"OpenPGP {' '.join(one.fingerprints).upper()}")


def _hold_doubtful(site: Site) -> list[Upload]:
    """Put aside at once what is signed by a key that does not count any more; the intake daemon looks, too."""
    return Desk(site.spool, site.people, site.settings.suites).hold_doubtful(utc())


def _server(site: Site) -> clients.Server:
    host, port = address(site.settings.intake.listen)
    port = port or _port_now(site)
    host = site.settings.intake.name or host
    key = hostkey.load(site.host_key)
    fingerprints = hostkey.sha256_fingerprint(key), hostkey.md5_fingerprint(key)
    answers = site.settings.intake.server == "own"
    return clients.Server("debmill", host, port, hostkey.known_hosts_line(key, host, port), *fingerprints, answers)


def _port_now(site: Site) -> int:
    """Give the port that the kernel chose for the running server; 0 when none runs."""
    said = [state.detail for state in presence.states(site.run) if state.name == "intake" and state.state != "dead"]
    port = said[0].rpartition(":")[2] if said else ""
    return int(port) if port.isdigit() else 0


def _fields(one: Uploader) -> dict[str, object]:
    keys = {"openpgp": one.fingerprints, "ssh": [f"{key.type} {key.fingerprint}" for key in one.ssh_keys]}
    return {
        "name": one.name,
        "mail": one.mail,
        "packages": one.packages,
        "suites": one.suites,
        "quota": one.quota,
        "digest": one.digest,
        **keys,
    }
